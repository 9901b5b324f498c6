// Which port of a guest a request is about: DVP's query parameters, and one of our own.
import { ApiError } from '../../lib/errors.ts'

export interface GuestPort {
  readonly protocol: 'tcp' | 'udp'
  /** 1 to 65535. */
  readonly port: number
  /**
   * `halfClose=true`: an empty message is the end of its direction, and the other goes on. Other clients do not know that, so
   * for them the stream ends with the guest's direction.
   */
  readonly halfClose: boolean
}

const MAX_PORT = 65_535

/** @throws ApiError BadRequest */
export function guestPort(query: URLSearchParams): GuestPort {
  const bad = (message: string): ApiError => new ApiError('BadRequest', message)
  const text = query.get('port') ?? ''
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0
  if (port < 1 || port > MAX_PORT) throw bad(`port must be a number from 1 to ${MAX_PORT}`)
  const protocol = query.get('protocol') || 'tcp'
  if (protocol !== 'tcp' && protocol !== 'udp') throw bad('protocol must be tcp or udp')
  const halfClose = query.get('halfClose') ?? 'false'
  if (halfClose !== 'true' && halfClose !== 'false') throw bad('halfClose must be true or false')
  return { protocol, port, halfClose: halfClose === 'true' }
}

/** For people: `tcp port 22`. */
export const describePort = ({ protocol, port }: GuestPort): string => `${protocol} port ${port}`
