/*
 * The init of banger's guest: tries out, from the inside, what a virtual machine should have, says on the
 * console what it finds, and ends the machine. src/core/guest-report.ts reads what it says.
 *
 * Each probe is one line: "banger-probe NAME pass|fail WORDS". It takes three words from the kernel's
 * command line, as environment variables: banger_root=disk|initramfs, banger_vsock=PORT (an echo of the host
 * listens there), banger_end=poweroff|restart.
 */
#include "system.h"

enum { BLOCK = 4096 };

static const char *variable(char **environment, const char *name) {
	for (; *environment != 0; environment++) {
		const char *at = *environment, *want = name;
		while (*want != 0 && *at == *want) at++, want++;
		if (*want == 0 && *at == '=') return at + 1;
	}
	return "";
}

static int same(const char *a, const char *b) {
	while (*a != 0 && *a == *b) a++, b++;
	return *a == *b;
}

static long length(const char *text) {
	long count = 0;
	while (text[count] != 0) count++;
	return count;
}

static void say(const char *text) {
	call(SYS_WRITE, 1, ADDRESS(text), length(text), 0, 0);
}

static void say_number(unsigned long number) {
	char digits[24];
	int at = sizeof digits - 1;
	digits[at] = 0;
	do digits[--at] = (char)('0' + number % 10);
	while ((number /= 10) != 0);
	say(digits + at);
}

static void result(const char *name, int good, const char *words) {
	say("\nbanger-probe ");
	say(name);
	say(good ? " pass " : " fail ");
	say(words);
	say("\n");
}

static long open_file(const char *name, long flags) {
	return call(SYS_OPENAT, CURRENT_FOLDER, ADDRESS(name), flags, 0, 0);
}

static void close_file(long descriptor) {
	if (descriptor >= 0) call(SYS_CLOSE, descriptor, 0, 0, 0, 0);
}

/* The first bytes of a file, ended by a zero. Returns how many there were; 0 when there is no such file. */
static long read_start(const char *name, char *text, long size) {
	long descriptor = open_file(name, O_RDONLY);
	long count = descriptor < 0 ? 0 : call(SYS_READ, descriptor, ADDRESS(text), size - 1, 0, 0);
	close_file(descriptor);
	if (count < 0) count = 0;
	text[count] = 0;
	return count;
}

/* Cuts the text behind so many words, and before the end of its line. */
static void keep_words(char *text, int words) {
	for (; *text != 0; text++) {
		if (*text == '\n' || (*text == ' ' && --words == 0)) {
			*text = 0;
			return;
		}
	}
}

static void mount(const char *source, const char *place, const char *type) {
	call(SYS_MKDIRAT, CURRENT_FOLDER, ADDRESS(place), 0755, 0, 0);
	call(SYS_MOUNT, ADDRESS(source), ADDRESS(place), ADDRESS(type), 0, 0);
}

static unsigned long now_us(long clock) {
	struct time time = {0, 0};
	call(SYS_CLOCK_GETTIME, clock, ADDRESS(&time), 0, 0, 0);
	return (unsigned long)time.seconds * 1000000 + (unsigned long)time.nanoseconds / 1000;
}

/* Which root it is: its device, its place, its type. */
static void probe_root(int from_disk) {
	char text[128];
	read_start("/proc/mounts", text, sizeof text);
	keep_words(text, 3);
	const char *type = text + length(text);
	while (type > text && type[-1] != ' ') type--;
	result("root", from_disk ? same(type, "ext4") : same(type, "rootfs"), text);
}

/* The nonce of the first block goes into the second, backwards, past all caches and back. */
static void probe_block(int from_disk) {
	static char nonce[BLOCK] __attribute__((aligned(4096)));
	static char answer[BLOCK] __attribute__((aligned(4096)));
	static char again[BLOCK] __attribute__((aligned(4096)));
	if (!from_disk) mount("/dev/vda", "/disk", "ext4");
	long file = open_file(from_disk ? "/scratch" : "/disk/scratch", O_RDWR | O_DIRECT | O_SYNC);
	if (file < 0 || call(SYS_PREAD, file, ADDRESS(nonce), BLOCK, 0, 0) != BLOCK) {
		result("block", 0, "no scratch file on /dev/vda");
		return;
	}
	for (int index = 0; index < BLOCK; index++) answer[index] = nonce[BLOCK - 1 - index];
	int written = call(SYS_PWRITE, file, ADDRESS(answer), BLOCK, BLOCK, 0) == BLOCK;
	int read = call(SYS_PREAD, file, ADDRESS(again), BLOCK, BLOCK, 0) == BLOCK;
	int equal = 1;
	for (int index = 0; index < BLOCK; index++) equal &= answer[index] == again[index];
	close_file(file);
	result("block", written && read && equal,
	       !written ? "cannot write" : !read ? "cannot read back" : equal ? "4096 bytes" : "reads other bytes");
}

static void limit_wait(long socket) {
	struct time wait = {0, 500000};
	call(SYS_SETSOCKOPT, socket, SOL_SOCKET, SO_RCVTIMEO, ADDRESS(&wait), sizeof wait);
	call(SYS_SETSOCKOPT, socket, SOL_SOCKET, SO_SNDTIMEO, ADDRESS(&wait), sizeof wait);
}

static void checksum(unsigned char *packet, int size) {
	unsigned sum = 0;
	for (int index = 0; index < size; index += 2) sum += (unsigned)packet[index] << 8 | packet[index + 1];
	while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
	packet[2] = (unsigned char)(~sum >> 8);
	packet[3] = (unsigned char)~sum;
}

/* Asks the network of the virtual machine monitor for an echo. */
static void probe_network(void) {
	static const unsigned char own[4] = {10, 0, 2, 15}, other[4] = {10, 0, 2, 2};
	struct interface interface = {.name = "eth0"};
	long control = call(SYS_SOCKET, AF_INET, SOCK_DGRAM, 0, 0, 0);
	if (control < 0 || call(SYS_IOCTL, control, SIOCGIFFLAGS, ADDRESS(&interface), 0, 0) < 0) {
		close_file(control);
		result("network", 0, control < 0 ? "no internet protocol" : "no eth0");
		return;
	}
	interface.address = (struct inet_address){.family = AF_INET};
	memcpy(interface.address.ip, own, 4);
	call(SYS_IOCTL, control, SIOCSIFADDR, ADDRESS(&interface), 0, 0);
	memset(interface.address.ip, 255, 3);
	interface.address.ip[3] = 0;
	call(SYS_IOCTL, control, SIOCSIFNETMASK, ADDRESS(&interface), 0, 0);
	memset(interface.all, 0, sizeof interface.all);
	interface.flags = IFF_UP;
	call(SYS_IOCTL, control, SIOCSIFFLAGS, ADDRESS(&interface), 0, 0);
	close_file(control);

	struct inet_address target = {.family = AF_INET};
	memcpy(target.ip, other, 4);
	long socket = call(SYS_SOCKET, AF_INET, SOCK_RAW, IPPROTO_ICMP, 0, 0);
	limit_wait(socket);
	call(SYS_CONNECT, socket, ADDRESS(&target), sizeof target, 0, 0);
	for (unsigned char attempt = 0; attempt < 6; attempt++) {
		unsigned char ask[16] = {8, 0, 0, 0, 0xba, 0x4e, 0, attempt, 'b', 'a', 'n', 'g', 'e', 'r', '!', '!'};
		unsigned char packet[128];
		checksum(ask, sizeof ask);
		call(SYS_SENDTO, socket, ADDRESS(ask), sizeof ask, 0, 0);
		/* In front of the answer is the header of its IP packet. */
		long count = call(SYS_READ, socket, ADDRESS(packet), sizeof packet, 0, 0);
		unsigned char *answer = packet + 4 * (packet[0] & 15);
		if (count >= 36 && answer[0] == 0 && answer[4] == 0xba && answer[5] == 0x4e && answer[8] == 'b') {
			close_file(socket);
			result("network", 1, "10.0.2.2 answers");
			return;
		}
	}
	close_file(socket);
	result("network", 0, "10.0.2.2 does not answer");
}

/* Whether what is written to one socket comes out of the other. */
static int carries(long from, long to) {
	static const char word[] = "banger's echo";
	char heard[sizeof word];
	if (call(SYS_WRITE, from, ADDRESS(word), sizeof word, 0, 0) != sizeof word) return 0;
	long count = call(SYS_READ, to, ADDRESS(heard), sizeof heard, 0, 0);
	return count == sizeof word && same(heard, word);
}

static void probe_vsock(const char *host_port) {
	unsigned port = 0;
	for (const char *at = host_port; *at >= '0' && *at <= '9'; at++) port = port * 10 + (unsigned)(*at - '0');
	long client = call(SYS_SOCKET, AF_VSOCK, SOCK_STREAM, 0, 0, 0);
	if (client < 0) {
		result("vsock", 0, "no vsock in the kernel");
		return;
	}
	limit_wait(client);
	if (port != 0) {
		struct vsock_address host = {.family = AF_VSOCK, .port = port, .cid = CID_HOST};
		int good = call(SYS_CONNECT, client, ADDRESS(&host), sizeof host, 0, 0) == 0 && carries(client, client);
		close_file(client);
		result("vsock", good, good ? "echo with the host" : "the host does not answer");
		return;
	}
	struct vsock_address any = {.family = AF_VSOCK, .port = 1024, .cid = CID_ANY};
	struct vsock_address local = {.family = AF_VSOCK, .port = 1024, .cid = CID_LOCAL};
	long server = call(SYS_SOCKET, AF_VSOCK, SOCK_STREAM, 0, 0, 0);
	call(SYS_BIND, server, ADDRESS(&any), sizeof any, 0, 0);
	call(SYS_LISTEN, server, 1, 0, 0, 0);
	limit_wait(server);
	long accepted = -1;
	if (call(SYS_CONNECT, client, ADDRESS(&local), sizeof local, 0, 0) == 0)
		accepted = call(SYS_ACCEPT4, server, 0, 0, 0, 0);
	if (accepted >= 0) limit_wait(accepted);
	int good = accepted >= 0 && carries(client, accepted) && carries(accepted, client);
	close_file(accepted);
	close_file(server);
	close_file(client);
	result("vsock", good, good ? "loopback" : "no loopback");
}

static void probe_entropy(void) {
	unsigned char bytes[32];
	char source[64];
	long device = open_file("/dev/hwrng", O_RDONLY);
	long count = device < 0 ? 0 : call(SYS_READ, device, ADDRESS(bytes), sizeof bytes, 0, 0);
	close_file(device);
	int differ = 0;
	for (long index = 1; index < count; index++) differ |= bytes[index] != bytes[0];
	read_start("/sys/class/misc/hw_random/rng_current", source, sizeof source);
	keep_words(source, 1);
	if (source[0] == 0 || count <= 0) memcpy(source, "no /dev/hwrng", 14);
	result("entropy", count > 0 && differ, source);
}

static void probe_config(void) {
	char head[3];
	int good = read_start("/proc/config.gz", head, sizeof head) == 2 && (unsigned char)head[0] == 0x1f &&
		   (unsigned char)head[1] == 0x8b;
	result("config", good, good ? "/proc/config.gz" : "no /proc/config.gz");
}

static void fact(const char *name, const char *text) {
	say("\nbanger-fact ");
	say(name);
	say(" ");
	say(text);
	say("\n");
}

static void number_fact(const char *name, unsigned long number) {
	say("\nbanger-fact ");
	say(name);
	say(" ");
	say_number(number);
	say("\n");
}

static void tell_facts(unsigned long started_us) {
	static char text[128];
	static struct system_names names;
	number_fact("started_us", started_us);
	number_fact("realtime_us", now_us(CLOCK_REALTIME));
	call(SYS_UNAME, ADDRESS(&names), 0, 0, 0, 0);
	fact("release", names.release);
	fact("machine", names.machine);
	read_start("/sys/devices/system/clocksource/clocksource0/current_clocksource", text, sizeof text);
	keep_words(text, 1);
	fact("clocksource", text);
	read_start("/proc/meminfo", text, sizeof text);
	char *digits = text;
	while (*digits != 0 && (*digits < '0' || *digits > '9')) digits++;
	keep_words(digits, 1);
	fact("memory_kib", digits);
}

void begin(long *stack) {
	unsigned long started_us = now_us(CLOCK_BOOTTIME);
	char **environment = (char **)(stack + 1 + *stack + 1);
	int from_disk = !same(variable(environment, "banger_root"), "initramfs");

	mount("proc", "/proc", "proc");
	mount("sysfs", "/sys", "sysfs");
	mount("devtmpfs", "/dev", "devtmpfs");
	long console = open_file("/dev/console", O_RDWR);
	if (console >= 0 && console != 1) call(SYS_DUP3, console, 1, 0, 0, 0);

	/* From here on the kernel keeps to its log, so that it does not speak in between. */
	long level = open_file("/proc/sys/kernel/printk", O_WRONLY);
	if (level >= 0) call(SYS_WRITE, level, ADDRESS("1\n"), 2, 0, 0);
	close_file(level);
	call(SYS_IOCTL, 1, TCSBRK, 1, 0, 0);

	say("\nbanger-guest 1\n");
	tell_facts(started_us);
	probe_root(from_disk);
	probe_block(from_disk);
	probe_config();
	probe_network();
	probe_vsock(variable(environment, "banger_vsock"));
	probe_entropy();
	say("\nbanger-done\n");
	call(SYS_IOCTL, 1, TCSBRK, 1, 0, 0);
	long end = same(variable(environment, "banger_end"), "restart") ? RESTART : POWER_OFF;
	call(SYS_REBOOT, REBOOT_MAGIC_1, REBOOT_MAGIC_2, end, 0, 0);
	for (;;) {
	}
}
