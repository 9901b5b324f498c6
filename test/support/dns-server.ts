// A name server on loopback that answers as a test wants, each question anew.
import { createSocket } from 'node:dgram'

export interface DnsServer {
  /** Addresses that were given away, in order. */
  readonly answered: readonly string[]
  close(): Promise<void>
}

const TYPE_A = 1
const HEADER = 12

/**
 * @param address of loopback to listen at, port 53
 * @param answer the IPv4 address for a name at this moment
 */
export async function startDns(address: string, answer: (name: string) => string): Promise<DnsServer> {
  const socket = createSocket('udp4')
  const answered: string[] = []
  socket.on('message', (question, from) => {
    const { name, type, end } = questionOf(question)
    const given = type === TYPE_A ? answer(name) : null
    if (given !== null) answered.push(given)
    socket.send(reply(question.subarray(0, end), given), from.port, from.address)
  })
  await new Promise<void>((resolve, reject) => {
    socket.once('error', reject)
    socket.bind(53, address, resolve)
  })
  return { answered, close: () => new Promise((resolve) => socket.close(() => resolve())) }
}

/** RFC 1035, 4.1.2: labels with their lengths, then type and class. */
function questionOf(message: Buffer): { readonly name: string; readonly type: number; readonly end: number } {
  const labels: string[] = []
  let at = HEADER
  for (let length = message.readUInt8(at); length > 0; length = message.readUInt8(at)) {
    labels.push(message.toString('latin1', at + 1, at + 1 + length))
    at += 1 + length
  }
  return { name: labels.join('.'), type: message.readUInt16BE(at + 1), end: at + 5 }
}

/** The question again, with one address of no lifetime, or none. */
function reply(question: Buffer, address: string | null): Buffer {
  const head = Buffer.from(question)
  head.writeUInt16BE(0x8180, 2)
  head.writeUInt16BE(address === null ? 0 : 1, 6)
  head.writeUInt32BE(0, 8)
  if (address === null) return head
  const record = Buffer.from([0xc0, HEADER, 0, TYPE_A, 0, 1, 0, 0, 0, 0, 0, 4, ...address.split('.').map(Number)])
  return Buffer.concat([head, record])
}
