/** libvirt's way of packing versions. Pure. */

/** major × 1,000,000 + minor × 1,000 + release -> `9.0.0`. */
export function formatVersion(packed: number | bigint): string {
  const value = Number(packed)
  return [Math.floor(value / 1_000_000), Math.floor(value / 1000) % 1000, value % 1000].join('.')
}
