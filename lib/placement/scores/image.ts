// Images of the VM's disks that the host has already, by bytes.
import type { NodeScore } from '../score.ts'

export const IMAGE: NodeScore = {
  name: 'image',
  judge({ vm: { images } }) {
    const all = images.reduce((sum, { bytes }) => sum + bytes, 0)
    if (all === 0) return null
    return (facts) => images.reduce((sum, { digest, bytes }) => sum + (facts.images.has(digest) ? bytes : 0), 0) / all
  },
}
