// A guest's TPM 2.0, used from its shell with nothing but the kernel's device: commands in bytes (TCG's TPM 2.0 library, part 3).
import type { GuestConsole } from './guest-console.ts'

/** Owner, whose password is empty; an index that nobody uses; a PCR that starts at zero and anybody may extend. */
const OWNER = '40000001'
const INDEX = '01500000'
const PCR = 16
const PASSWORD_SESSION = '00000009' + '40000009' + '0000' + '00' + '0000'
/** Of the index: SHA-256 as its name, the owner reads and writes. */
const INDEX_PUBLIC = `000e${INDEX}000b000200020000`
const SIZE = 8

const word = (value: number, digits: number): string => value.toString(16).padStart(digits, '0')

/** TPM_ST_SESSIONS, the size of it all, the code, the rest. */
const command = (code: string, rest: string): string => `8002${word(10 + rest.length / 2, 8)}${code}${rest}`

const define = command('0000012a', `${OWNER}${PASSWORD_SESSION}0000${INDEX_PUBLIC}${word(SIZE, 4)}`)
const write = (mark: string): string =>
  command('00000137', `${OWNER}${INDEX}${PASSWORD_SESSION}${word(SIZE, 4)}${mark}0000`)
const read = command('0000014e', `${OWNER}${INDEX}${PASSWORD_SESSION}${word(SIZE, 4)}0000`)
const extend = command('00000182', `${word(PCR, 8)}${PASSWORD_SESSION}00000001000b${'ab'.repeat(32)}`)

/** The answer, in hexadecimal digits. */
async function send(guest: GuestConsole, bytes: string): Promise<string> {
  const escaped = bytes.replace(/../g, '\\x$&')
  const answer = "dd bs=4096 count=1 <&3 2>/dev/null | od -An -v -tx1 | tr -d ' \\n'"
  return await guest.ask(`(exec 3<>/dev/tpmrm0; printf '${escaped}' >&3; ${answer})`)
}

/** @throws Error with the TPM's code when it is not success */
async function succeed(guest: GuestConsole, bytes: string): Promise<string> {
  const answer = await send(guest, bytes)
  if (answer.slice(12, 20) !== '00000000') throw new Error(`the TPM answers ${answer} to ${bytes}`)
  return answer
}

/** What the TPM keeps for good. `mark`: 16 hexadecimal digits. */
export async function keepInTpm(guest: GuestConsole, mark: string): Promise<void> {
  await succeed(guest, define)
  await succeed(guest, write(mark))
}

export async function keptInTpm(guest: GuestConsole): Promise<string> {
  const answer = await succeed(guest, read)
  // Header, size of the parameters, size of the data.
  return answer.slice(32, 32 + 2 * SIZE)
}

/** What it keeps until the guest's next start: a register that only grows. */
export async function extendPcr(guest: GuestConsole): Promise<string> {
  await succeed(guest, extend)
  return await pcr(guest)
}

export const pcr = (guest: GuestConsole): Promise<string> => guest.ask(`cat /sys/class/tpm/tpm0/pcr-sha256/${PCR}`)
