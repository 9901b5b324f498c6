// What the two hosts of a move ask each other, told by whoever asks (the question is on its way, the answer has come) and by whoever is asked
// (certificate and name were good, nothing was done yet).
import type { HandoverSide } from '../../agent/migration/handover.ts'
import type { Peers } from '../../agent/migration/peers.ts'
import { peerPoint } from './member-points.ts'

export const watchedPeers = (peers: Peers, pass: (point: string) => void): Peers => ({
  ask: async (peer, ask, options) => {
    const answer = peers.ask(peer, ask, options)
    setImmediate(() => setImmediate(() => pass(peerPoint(ask.ask, 'asked'))))
    const said = await answer
    pass(peerPoint(ask.ask, 'answered'))
    return said
  },
})

export const watchedSide = (side: HandoverSide, pass: (point: string) => void): HandoverSide => ({
  binding: (uid) => side.binding(uid),
  manifest: (uid) => {
    pass(peerPoint('manifest', 'admitted'))
    return side.manifest(uid)
  },
  answer: (uid, ask) => {
    pass(peerPoint(ask.ask, 'admitted'))
    return side.answer(uid, ask)
  },
})
