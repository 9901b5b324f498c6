// The agent as tests of crashes run it in the place of berth-agent: the same, and at each named point it looks whether it is to die.
import { startAgent } from '../../agent/app.ts'
import { loadConfig } from '../../agent/config.ts'
import { memberPoint } from './member-points.ts'
import { filePoint } from './points.ts'
import { PostCopies } from './post-copy.ts'
import { passingStore, runToDie } from './program.ts'
import { watchedPeers, watchedSide } from './watched-moves.ts'
import { WatchedPool } from './watched-pool.ts'

const postCopies = new PostCopies()

await runToDie(
  'agent',
  (file) => loadConfig(file, false),
  (base, pass) =>
    startAgent({
      ...base,
      seams: {
        store: passingStore(pass, (change) => {
          postCopies.note(change)
          return memberPoint(change)
        }),
        libvirt: (options) => new WatchedPool(options, pass),
        onFileStep: (step) => pass(filePoint(step)),
        peers: (peers) => watchedPeers(peers, postCopies, pass),
        handover: (side) => watchedSide(side, postCopies, pass),
      },
    }),
)
