/* What the guest needs of Linux: there is no C library in it. */
#pragma once

#if defined(__x86_64__)
enum {
	SYS_READ = 0, SYS_WRITE = 1, SYS_CLOSE = 3, SYS_IOCTL = 16, SYS_PREAD = 17, SYS_PWRITE = 18,
	SYS_SOCKET = 41, SYS_CONNECT = 42, SYS_SENDTO = 44, SYS_BIND = 49, SYS_LISTEN = 50,
	SYS_SETSOCKOPT = 54, SYS_UNAME = 63, SYS_MOUNT = 165, SYS_REBOOT = 169, SYS_CLOCK_GETTIME = 228,
	SYS_OPENAT = 257, SYS_MKDIRAT = 258, SYS_ACCEPT4 = 288, SYS_DUP3 = 292,
};
#define O_DIRECT 040000
__asm__(".globl _start\n_start:\n\txor %ebp, %ebp\n\tmov %rsp, %rdi\n\tand $-16, %rsp\n\tcall begin\n");

static long call(long number, long a, long b, long c, long d, long e) {
	long result;
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = 0;
	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return result;
}
#elif defined(__aarch64__)
enum {
	SYS_DUP3 = 24, SYS_IOCTL = 29, SYS_MKDIRAT = 34, SYS_MOUNT = 40, SYS_OPENAT = 56, SYS_CLOSE = 57,
	SYS_READ = 63, SYS_WRITE = 64, SYS_PREAD = 67, SYS_PWRITE = 68, SYS_CLOCK_GETTIME = 113,
	SYS_REBOOT = 142, SYS_UNAME = 160, SYS_SOCKET = 198, SYS_BIND = 200, SYS_LISTEN = 201,
	SYS_CONNECT = 203, SYS_SENDTO = 206, SYS_SETSOCKOPT = 208, SYS_ACCEPT4 = 242,
};
#define O_DIRECT 0200000
__asm__(".globl _start\n_start:\n\tmov x29, #0\n\tmov x0, sp\n\tbl begin\n");

static long call(long number, long a, long b, long c, long d, long e) {
	register long x8 __asm__("x8") = number;
	register long x0 __asm__("x0") = a;
	register long x1 __asm__("x1") = b;
	register long x2 __asm__("x2") = c;
	register long x3 __asm__("x3") = d;
	register long x4 __asm__("x4") = e;
	register long x5 __asm__("x5") = 0;
	__asm__ volatile("svc #0"
			 : "+r"(x0)
			 : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
			 : "memory");
	return x0;
}
#endif

#define ADDRESS(pointer) ((long)(pointer))
#define CURRENT_FOLDER (-100L)

enum { O_RDONLY = 0, O_WRONLY = 1, O_RDWR = 2, O_SYNC = 04010000 };
enum { AF_INET = 2, AF_VSOCK = 40, SOCK_STREAM = 1, SOCK_DGRAM = 2, SOCK_RAW = 3, IPPROTO_ICMP = 1 };
enum { SOL_SOCKET = 1, SO_RCVTIMEO = 20, SO_SNDTIMEO = 21 };
enum { SIOCGIFFLAGS = 0x8913, SIOCSIFFLAGS = 0x8914, SIOCSIFADDR = 0x8916, SIOCSIFNETMASK = 0x891c };
enum { IFF_UP = 1, TCSBRK = 0x5409 };
enum { CLOCK_REALTIME = 0, CLOCK_BOOTTIME = 7 };
enum { CID_LOCAL = 1, CID_HOST = 2 };
#define CID_ANY 0xffffffffu
#define REBOOT_MAGIC_1 0xfee1deadL
#define REBOOT_MAGIC_2 672274793L
#define RESTART 0x01234567L
#define POWER_OFF 0x4321fedcL

struct time { long seconds, nanoseconds; };
struct system_names { char system[65], node[65], release[65], version[65], machine[65], domain[65]; };
struct inet_address { unsigned short family, port; unsigned char ip[4]; char zero[8]; };
struct vsock_address { unsigned short family, reserved; unsigned port, cid; char zero[4]; };
struct interface {
	char name[16];
	union { struct inet_address address; short flags; char all[24]; };
};

/* The compiler may call these by itself. */
void *memset(void *to, int byte, unsigned long size) {
	for (unsigned long index = 0; index < size; index++) ((volatile char *)to)[index] = (char)byte;
	return to;
}

void *memcpy(void *to, const void *from, unsigned long size) {
	for (unsigned long index = 0; index < size; index++)
		((volatile char *)to)[index] = ((const char *)from)[index];
	return to;
}
