// The agent as tests of crashes run it in the place of berth-agent: the same, and at each named point it looks whether it is to die.
import { startAgent } from '../../agent/app.ts'
import { loadConfig } from '../../agent/config.ts'
import { memberPoint } from './member-points.ts'
import { filePoint } from './points.ts'
import { passingStore, runToDie } from './program.ts'
import { watchedPeers, watchedSide } from './watched-moves.ts'
import { WatchedPool } from './watched-pool.ts'

await runToDie(
  'agent',
  (file) => loadConfig(file, false),
  (base, pass) =>
    startAgent({
      ...base,
      seams: {
        store: passingStore(pass, memberPoint),
        libvirt: (options) => new WatchedPool(options, pass),
        onFileStep: (step) => pass(filePoint(step)),
        peers: (peers) => watchedPeers(peers, pass),
        handover: (side) => watchedSide(side, pass),
      },
    }),
)
