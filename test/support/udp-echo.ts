// A program for x86-64 guests that sends each datagram on UDP port 5353 back: their busybox has no server of that kind.
// socket, bind, then recvfrom and sendto for ever; some hundred bytes of machine code behind an ELF header, made here so that
// neither a compiler nor a stranger's binary is needed.

/** Port that the program listens on. */
export const UDP_ECHO_PORT = 5353

const BASE = 0x400000n
const HEADERS = 120

const CODE = [
  // socket(AF_INET, SOCK_DGRAM, 0) -> ebx
  'b829000000 bf02000000 be02000000 31d2 0f05 89c3',
  // room for a datagram, its sender at (rsp), the size of the sender's address at 24(rsp)
  '4881ec20000100',
  // bind(ebx, AF_INET 0.0.0.0 port 5353, 16)
  'c70424020014e9 c744240400000000 b831000000 89df 4889e6 ba10000000 0f05',
  // recvfrom(ebx, 32(rsp), 65536, 0, rsp, 24(rsp)), again after an error
  'c744241810000000 b82d000000 89df 488d742420 ba00000100 4531d2 4989e0 4c8d4c2418 0f05 85c0 78d6',
  // sendto(ebx, 32(rsp), the size received, 0, rsp, 16), and again
  '89c2 b82c000000 89df 488d742420 4531d2 4989e0 41b910000000 0f05 ebb8',
]
  .join('')
  .replaceAll(' ', '')

/** The file's content. */
export function udpEcho(): Buffer {
  const code = Buffer.from(CODE, 'hex')
  const file = Buffer.alloc(HEADERS)
  file.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1])
  // An executable for x86-64, entered behind the headers; one program header follows this one.
  file.writeUInt16LE(2, 16)
  file.writeUInt16LE(62, 18)
  file.writeUInt32LE(1, 20)
  file.writeBigUInt64LE(BASE + BigInt(HEADERS), 24)
  file.writeBigUInt64LE(64n, 32)
  file.writeUInt16LE(64, 52)
  file.writeUInt16LE(56, 54)
  file.writeUInt16LE(1, 56)
  // The whole file is loaded to be read and run.
  file.writeUInt32LE(1, 64)
  file.writeUInt32LE(5, 68)
  file.writeBigUInt64LE(BASE, 80)
  file.writeBigUInt64LE(BASE, 88)
  const size = BigInt(HEADERS + code.length)
  file.writeBigUInt64LE(size, 96)
  file.writeBigUInt64LE(size, 104)
  file.writeBigUInt64LE(4096n, 112)
  return Buffer.concat([file, code])
}
