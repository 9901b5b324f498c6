// A scheduler in this process, over a state folder of its own.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import { Client } from '../../lib/client/client.ts'
import { loadKubeconfig } from '../../lib/client/kubeconfig.ts'
import { socketTarget } from '../../lib/client/target.ts'
import { type Clock, systemClock } from '../../lib/clock.ts'
import type { RunningServer } from '../../lib/server/program.ts'
import { startScheduler } from '../../scheduler/app.ts'
import { type SchedulerConfig, toConfig } from '../../scheduler/config.ts'
import { freePort } from './lab-place.ts'

export interface TestScheduler {
  readonly running: RunningServer
  readonly config: SchedulerConfig
  readonly folder: string
  readonly port: number
  /** Over the unix socket: may do everything. */
  readonly client: Client
  /** Another client by the kubeconfig that it wrote. */
  overTls(): Promise<Client>
  /** Ends it and starts another over the same state. */
  restart(): Promise<void>
  stop(): Promise<void>
}

export async function startTestScheduler(clock: Clock = systemClock): Promise<TestScheduler> {
  const folder = await mkdtemp(join(tmpdir(), 'berth-scheduler-'))
  const port = await freePort()
  const config = toConfig({
    stateDir: join(folder, 'state'),
    socketPath: join(folder, 'scheduler.sock'),
    listen: [`127.0.0.1:${port}`],
  })
  const start = () =>
    startScheduler({
      config,
      clock,
      version: '0.1.0',
      log: pino({ level: 'silent' }),
      onFailed: (error) => {
        throw error
      },
    })
  const clients = [new Client(socketTarget(config.socketPath), 'test')]
  let running = await start()
  return {
    get running() {
      return running
    },
    config,
    folder,
    port,
    client: clients[0] as Client,
    overTls: async () => {
      const client = new Client(await loadKubeconfig(join(config.stateDir, 'kubeconfig')), 'test')
      clients.push(client)
      return client
    },
    restart: async () => {
      await running.stop()
      running = await start()
    },
    stop: async () => {
      await Promise.all(clients.map((client) => client.close()))
      await running.stop()
      await rm(folder, { recursive: true, force: true })
    },
  }
}
