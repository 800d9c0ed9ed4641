/*
 * The init of a root filesystem for tests: says on the console what it finds in the kernel that runs it, and
 * ends the machine. It needs no C library, so that any cross compiler builds it.
 */

#if defined(__x86_64__)
enum { READ = 0, WRITE = 1, CLOSE = 3, IOCTL = 16, UNAME = 63, MOUNT = 165, REBOOT = 169, OPENAT = 257, DUP3 = 292 };
__asm__(".globl _start\n_start:\n\txor %ebp, %ebp\n\tand $-16, %rsp\n\tcall speak\n");

static long call(long number, long a, long b, long c, long d, long e) {
	long result;
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8)
			 : "rcx", "r11", "memory");
	return result;
}
#elif defined(__aarch64__)
enum { DUP3 = 24, IOCTL = 29, MOUNT = 40, OPENAT = 56, CLOSE = 57, READ = 63, WRITE = 64, REBOOT = 142, UNAME = 160 };
__asm__(".globl _start\n_start:\n\tmov x29, #0\n\tbl speak\n");

static long call(long number, long a, long b, long c, long d, long e) {
	register long x8 __asm__("x8") = number;
	register long x0 __asm__("x0") = a;
	register long x1 __asm__("x1") = b;
	register long x2 __asm__("x2") = c;
	register long x3 __asm__("x3") = d;
	register long x4 __asm__("x4") = e;
	__asm__ volatile("svc #0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4) : "memory");
	return x0;
}
#endif

#define ADDRESS(pointer) ((long)(pointer))
#define CURRENT_FOLDER (-100L)
#define WRITE_ONLY 1L
#define READ_WRITE 2L
#define DRAIN 0x5409L /* ioctl TCSBRK with 1: tcdrain(3) */
#define REBOOT_MAGIC_1 0xfee1deadL
#define REBOOT_MAGIC_2 672274793L
#define POWER_OFF 0x4321fedcL

struct names {
	char system[65], node[65], release[65], version[65], machine[65], domain[65];
};

static long length(const char *text) {
	long count = 0;
	while (text[count] != 0) count++;
	return count;
}

static void say(const char *text) {
	call(WRITE, 1, ADDRESS(text), length(text), 0, 0);
}

static void mount(const char *type, const char *place) {
	call(MOUNT, ADDRESS(type), ADDRESS(place), ADDRESS(type), 0, 0);
}

/* The first line of a file, cut to fit; empty when there is none. Returns how many bytes were read. */
static long first_line(const char *file, char *text, long size) {
	long count = 0;
	long descriptor = call(OPENAT, CURRENT_FOLDER, ADDRESS(file), 0, 0, 0);
	if (descriptor >= 0) {
		count = call(READ, descriptor, ADDRESS(text), size - 1, 0, 0);
		call(CLOSE, descriptor, 0, 0, 0, 0);
	}
	if (count < 0) count = 0;
	text[count] = 0;
	for (char *each = text; *each != 0; each++) {
		if (*each == '\n') {
			*each = 0;
			break;
		}
	}
	return count;
}

static int begins_with(const char *file, unsigned char first, unsigned char second) {
	char head[3];
	return first_line(file, head, sizeof head) == 2 && (unsigned char)head[0] == first &&
	       (unsigned char)head[1] == second;
}

void speak(void) {
	static char nonce[128], root[256];
	static struct names names;

	mount("proc", "/proc");
	mount("sysfs", "/sys");
	mount("devtmpfs", "/dev");
	long console = call(OPENAT, CURRENT_FOLDER, ADDRESS("/dev/console"), READ_WRITE, 0, 0);
	if (console >= 0 && console != 1) call(DUP3, console, 1, 0, 0, 0);

	/* From here on the kernel keeps to its log, so that it does not speak in between. */
	long level = call(OPENAT, CURRENT_FOLDER, ADDRESS("/proc/sys/kernel/printk"), WRITE_ONLY, 0, 0);
	if (level >= 0) call(WRITE, level, ADDRESS("1\n"), 2, 0, 0);
	call(IOCTL, 1, DRAIN, 1, 0, 0);

	first_line("/nonce", nonce, sizeof nonce);
	first_line("/proc/mounts", root, sizeof root);
	call(UNAME, ADDRESS(&names), 0, 0, 0, 0);
	say("\nbanger-init nonce=");
	say(nonce);
	say(" release=");
	say(names.release);
	say(" machine=");
	say(names.machine);
	say(" config=");
	say(begins_with("/proc/config.gz", 0x1f, 0x8b) ? "yes" : "no");
	say(" btf=");
	say(begins_with("/sys/kernel/btf/vmlinux", 0x9f, 0xeb) ? "yes" : "no");
	say(" root=");
	say(root);
	say(" banger-end\n");
	call(IOCTL, 1, DRAIN, 1, 0, 0);
	call(REBOOT, REBOOT_MAGIC_1, REBOOT_MAGIC_2, POWER_OFF, 0, 0);
	for (;;) {
	}
}
