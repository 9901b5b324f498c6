// The fencer as a process: started by an agent that is killed, it ends the machine at its time, on the host's real boot clock. The machine is a
// process with the words of a QEMU in its command line.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { bootClock } from '../../../../agent/cluster/boot-clock.ts'
import { parseReport } from '../../../../agent/cluster/fencing/orders.ts'
import { eventually } from '../../../support/eventually.ts'
import { scratch } from '../../../support/scratch.ts'

const UID = '11111111-2222-4333-8444-555555555555'
const TSX = import.meta.resolve('tsx')
const LAUNCH = new URL('../../../../agent/cluster/fencing/launch.ts', import.meta.url).href

it('goes on without its agent, and ends the machine when the lease is over and not before', async () => {
  const dir = scratch()
  const [orders, pidFile] = [join(dir, 'fence-orders.json'), join(dir, 'vm.pid')]
  const machine = spawn('sleep', ['600'], { argv0: `qemu-system -uuid ${UID}`, stdio: 'ignore' })
  onTestFinished(() => void machine.kill('SIGKILL'))
  writeFileSync(pidFile, `${machine.pid}\n`)
  const killFrom = bootClock() + 3_000
  const order = (machines: readonly object[]) =>
    writeFileSync(
      orders,
      JSON.stringify({ revision: 1, leaseUntil: killFrom - 1_000, killFrom, watchdog: null, spare: true, machines }),
    )
  order([{ uid: UID, pidFile }])
  const program = join(dir, 'agent.mjs')
  writeFileSync(
    program,
    `import { launchFencer } from '${LAUNCH}'\nawait launchFencer('${orders}')\nsetInterval(() => {}, 1000)\n`,
  )
  const agent = spawn(process.execPath, ['--import', TSX, program], { stdio: 'ignore' })
  const report = () => {
    const read = parseReport(readFileSync(join(dir, 'fence-report.json'), 'utf8'))
    if (read === null) throw new Error('the fencer has said nothing yet')
    return read
  }
  const { pid } = await eventually(report)
  onTestFinished(() => void process.kill(pid, 'SIGKILL'))
  agent.kill('SIGKILL')
  await once(agent, 'exit')
  expect(pid).not.toBe(agent.pid)
  if (machine.exitCode === null && machine.signalCode === null) await once(machine, 'exit')
  expect(machine.signalCode).toBe('SIGKILL')
  // To 10 ms is what /proc/uptime says.
  expect(bootClock()).toBeGreaterThanOrEqual(killFrom - 10)
  await eventually(() => expect(report().killed).toMatchObject([{ uid: UID }]))
})
