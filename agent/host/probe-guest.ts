/**
 * The guest program of the KVM check: 64-bit code of some hundred bytes, put together here byte by byte so that no
 * assembler is needed, at build or at run time. It writes one byte to QEMU's debug console, counts down a million in
 * a loop, writes another byte and ends QEMU. The host measures the time between the bytes.
 *
 * It is a multiboot kernel (Multiboot 0.6.96, section 3.1): QEMU enters it at `ENTRY` in 32-bit protected mode with
 * flat segments, paging off and interrupts disabled. Instruction bytes: Intel SDM volume 2.
 */

/** I/O port of `-device isa-debugcon`. */
export const CONSOLE_PORT = 0xe9
/** I/O port of `-device isa-debug-exit`; a byte written there ends QEMU with the code 2 × byte + 1. */
export const EXIT_PORT = 0xf4
/** Written before and after the loop. */
export const LOOP_BEGIN = 'S'
export const LOOP_END = 'E'

const ITERATIONS = 1_000_000
/** Where multiboot kernels usually live: the first address above the PC's 1 MiB. */
const LOAD = 0x100000
const HEADER_SIZE = 32
const ENTRY = LOAD + HEADER_SIZE
/** Three pages behind the code for the page tables, cleared by the loader as the program's bss. */
const PML4 = LOAD + 0x1000
const PDPT = LOAD + 0x2000
const PD = LOAD + 0x3000
const BSS_END = LOAD + 0x4000

/** The whole image, for a file that goes to `qemu -kernel`. */
export function probeGuest(): Uint8Array {
  const afterSwitch = ENTRY + to64Bit(0, 0).length
  const gdt = afterSwitch + timedLoop().length
  const code = [...to64Bit(gdt + GDT.length, afterSwitch), ...timedLoop(), ...GDT, ...gdtPointer(gdt)]
  return Uint8Array.from([...header(LOAD + HEADER_SIZE + code.length), ...code])
}

/** Flag 16 says that the addresses stand in the header, so that the file need not be ELF. */
function header(loadEnd: number): number[] {
  const magic = 0x1badb002
  const flags = 1 << 16
  const checksum = -(magic + flags)
  return [magic, flags, checksum, LOAD, LOAD, loadEnd, BSS_END, ENTRY].flatMap(dword)
}

/** 32-bit code: an identity map of the first 2 MiB, long mode on, a jump into a 64-bit segment. */
function to64Bit(gdtPointerAt: number, target: number): number[] {
  return [
    [0xc7, 0x05, ...dword(PML4), ...dword(PDPT | 3)], // mov dword [PML4], PDPT | present | writable
    [0xc7, 0x05, ...dword(PDPT), ...dword(PD | 3)], // mov dword [PDPT], PD | present | writable
    [0xc7, 0x05, ...dword(PD), ...dword(0x83)], // mov dword [PD], 0 | present | writable | 2 MiB page
    [0xb8, ...dword(PML4)], // mov eax, PML4
    [0x0f, 0x22, 0xd8], // mov cr3, eax: where the page tables are
    [0x0f, 0x20, 0xe0], // mov eax, cr4
    [0x83, 0xc8, 0x20], // or eax, 0x20: PAE, which long mode requires
    [0x0f, 0x22, 0xe0], // mov cr4, eax
    [0xb9, ...dword(0xc0000080)], // mov ecx, the number of the EFER register
    [0x0f, 0x32], // rdmsr: eax = EFER
    [0x0d, ...dword(0x100)], // or eax, 0x100: long mode enable
    [0x0f, 0x30], // wrmsr: EFER = eax
    [0x0f, 0x01, 0x15, ...dword(gdtPointerAt)], // lgdt [gdtPointer]: a table that has a 64-bit segment
    [0x0f, 0x20, 0xc0], // mov eax, cr0
    [0x0d, ...dword(0x80000000)], // or eax, 0x80000000: paging, which starts long mode
    [0x0f, 0x22, 0xc0], // mov cr0, eax
    [0xea, ...dword(target), 0x08, 0x00], // jmp 0x08:target: segment 1 of the table, 64-bit code from here on
  ].flat()
}

/** 64-bit code: a byte, the loop, a byte, the end. */
function timedLoop(): number[] {
  return [
    [0xb0, LOOP_BEGIN.charCodeAt(0)], // mov al, 'S'
    [0xe6, CONSOLE_PORT], // out CONSOLE_PORT, al
    [0xb9, ...dword(ITERATIONS)], // mov ecx, ITERATIONS: clears the upper half of rcx
    [0x48, 0xff, 0xc9], // again: dec rcx
    [0x75, 0xfb], // jnz again: 5 bytes back from here
    [0xb0, LOOP_END.charCodeAt(0)], // mov al, 'E'
    [0xe6, CONSOLE_PORT], // out CONSOLE_PORT, al
    [0xb0, 0x00], // mov al, 0
    [0xe6, EXIT_PORT], // out EXIT_PORT, al: QEMU ends here
    [0xf4], // hlt, should it not
    [0xeb, 0xfd], // jmp to the hlt
  ].flat()
}

/** Two descriptors: the empty one that every table begins with, and code, present, ring 0, 64-bit. */
const GDT: readonly number[] = [
  [0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00],
  [0x00, 0x00, 0x00, 0x00, 0x00, 0x9a, 0x20, 0x00],
].flat()

/** What lgdt reads: size of the table less one, address of the table. */
function gdtPointer(gdt: number): number[] {
  return [GDT.length - 1, 0x00, ...dword(gdt)]
}

/** 32 bits, lowest byte first. */
function dword(value: number): number[] {
  return [value, value >>> 8, value >>> 16, value >>> 24].map((byte) => byte & 0xff)
}
