// What the two hosts of a move ask each other, told by whoever asks (the question is on its way, the answer has come) and by whoever is asked
// (certificate and name were good, nothing was done yet).
import type { HandoverSide } from '../../agent/migration/handover.ts'
import type { Peers } from '../../agent/migration/peers.ts'
import type { HandoverAsk } from '../../schemas/index.ts'
import { peerPoint } from './member-points.ts'
import { byPostCopy, type PostCopies } from './post-copy.ts'

export function watchedPeers(peers: Peers, moves: PostCopies, pass: (point: string) => void): Peers {
  return {
    ask: async (peer, ask, options) => {
      const point = (when: 'asked' | 'answered') => pass(pointOf(ask, moves, when))
      const answer = peers.ask(peer, ask, options)
      setImmediate(() => setImmediate(() => point('asked')))
      const said = await answer
      point('answered')
      return said
    },
  }
}

export function watchedSide(side: HandoverSide, moves: PostCopies, pass: (point: string) => void): HandoverSide {
  return {
    binding: (uid) => side.binding(uid),
    manifest: (uid) => {
      pass(peerPoint('manifest', 'admitted'))
      return side.manifest(uid)
    },
    answer: (uid, ask) => {
      pass(pointOf(ask, moves, 'admitted'))
      return side.answer(uid, ask)
    },
  }
}

/** Before the target is asked to finish a post-copy the guest is at the source, as in any move. */
function pointOf({ ask, id }: HandoverAsk, moves: PostCopies, when: 'asked' | 'answered' | 'admitted'): string {
  const point = peerPoint(ask, when)
  return ask === 'finish' && moves.has(id) ? byPostCopy(point) : point
}
