// JSON pointers (RFC 6901) that cannot reach a prototype.
import { ApiError } from '../../errors.ts'

/** The unescaped parts of `/spec/refs/0`. @throws ApiError BadRequest */
export function parsePointer(pointer: unknown): readonly string[] {
  if (typeof pointer !== 'string' || (pointer !== '' && !pointer.startsWith('/')))
    throw new ApiError('BadRequest', 'a path of a JSON patch must be a JSON pointer like /spec/cpu/cores')
  const parts = pointer.split('/').slice(1)
  if (parts.some((part) => /~(?![01])/.test(part)))
    throw new ApiError('BadRequest', 'in a JSON pointer "~" must be followed by 0 or 1')
  const plain = parts.map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))
  if (plain.includes('__proto__')) throw new ApiError('BadRequest', 'a field may not be named __proto__')
  return plain
}

/** The position that `part` names in a list of `length`; `-` is the end. Null when it is no position in `0..max`. */
export function listIndex(part: string, length: number, max: number): number | null {
  if (part === '-') return length <= max ? length : null
  if (!/^(0|[1-9]\d{0,8})$/.test(part)) return null
  const index = Number(part)
  return index <= max ? index : null
}
