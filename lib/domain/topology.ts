/**
 * How cores spread over sockets: the steps that VirtualMachine's `spec.cpu.cores` may take.
 * Some guests are licensed or limited per socket, hence few sockets for small machines.
 */

interface Band {
  readonly upTo: number
  readonly sockets: number
}

/** Cores up to the bound take this many sockets, evenly. */
const BANDS: readonly Band[] = [
  { upTo: 16, sockets: 1 },
  { upTo: 32, sockets: 2 },
  { upTo: 64, sockets: 4 },
  { upTo: 248, sockets: 8 },
]

export const MAX_CORES = 248

export type Topology =
  | { readonly ok: true; readonly sockets: number; readonly coresPerSocket: number }
  /** The nearest possible numbers of cores, the lower one first; one of them at the ends of the range. */
  | { readonly ok: false; readonly nearest: readonly number[] }

/** Topology of a number of cores, or the numbers that would do instead. */
export function topology(cores: number): Topology {
  const band = Number.isInteger(cores) && cores >= 1 ? BANDS.find(({ upTo }) => cores <= upTo) : undefined
  if (band !== undefined && cores % band.sockets === 0) {
    return { ok: true, sockets: band.sockets, coresPerSocket: cores / band.sockets }
  }
  return { ok: false, nearest: nearest(cores) }
}

function nearest(cores: number): number[] {
  if (Number.isNaN(cores) || cores < 1) return [1]
  if (cores > MAX_CORES) return [MAX_CORES]
  const sockets = BANDS.find(({ upTo }) => cores <= upTo)?.sockets ?? 1
  return [Math.floor(cores / sockets) * sockets, Math.ceil(cores / sockets) * sockets]
}
