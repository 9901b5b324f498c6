// The scheduler as tests of crashes run it in the place of berth-scheduler: the same, and at each named point it looks whether it is to die.
import { startScheduler } from '../../scheduler/app.ts'
import { loadConfig } from '../../scheduler/config.ts'
import { passingStore, runToDie } from './program.ts'
import { authorityPoint, fencePoint, schedulerPoint } from './scheduler-points.ts'

await runToDie(
  'scheduler',
  (file) => loadConfig(file, false),
  (base, pass) =>
    startScheduler({
      ...base,
      seams: {
        store: passingStore(pass, schedulerPoint),
        fence: (configured) => ({
          has: (node) => configured.has(node),
          fence: async (node, signal) => {
            const ending = configured.fence(node, signal)
            pass(fencePoint('begun'))
            const said = await ending
            pass(fencePoint('ended'))
            return said
          },
        }),
        onAuthorityStep: (step) => pass(authorityPoint(step)),
      },
    }),
)
