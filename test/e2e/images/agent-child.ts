// The storage side of an agent as a process of its own, to be killed. Arguments: state folder, allowed port.
import { startAgent } from './agent.ts'

const [stateDir = '', port = ''] = process.argv.slice(2)
await startAgent({ stateDir, importer: { allow: [`127.0.0.1:${port}`], stallTimeoutSeconds: 60 } })
process.stdout.write('ready\n')
setInterval(() => {}, 60_000)
