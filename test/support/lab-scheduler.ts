// The scheduler of a lab as tests use it: its API, its process, and what explains a failure.
import { cp, mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Client } from '../../lib/client/client.ts'
import { socketTarget } from '../../lib/client/target.ts'
import type { KubeObject } from '../../lib/object.ts'
import { waitFor } from './wait.ts'

/** One that hangs is asked again. */
const READYZ_MS = 5_000
const READY_SECONDS = 60
const EVIDENCE = ['scheduler.log', 'scheduler.yaml', 'state/berth.db', 'state/berth.db-wal'] as const

export class LabScheduler {
  readonly dir: string
  /** Its API over the unix socket. */
  readonly client: Client

  constructor(lab: string) {
    this.dir = join(lab, 'scheduler')
    this.client = new Client(socketTarget(this.socket), 'berth-test/1')
  }

  get socket(): string {
    return join(this.dir, 'scheduler.sock')
  }

  get stateDir(): string {
    return join(this.dir, 'state')
  }

  /**
   * The object as it is now, by the words that kubectl takes for its kind. For what is waited for, 20 times a second: a kubectl each time
   * would take the cores from the guests.
   */
  async get<T extends KubeObject>(kind: string, name: string, namespace = 'default'): Promise<T> {
    return await this.client.objects.get<T>((await this.client.catalog()).resolve(kind), { namespace, name })
  }

  /** All objects of the kind, in that namespace when the kind has namespaces. See {@link get}. */
  async list<T extends KubeObject>(kind: string, namespace = 'default'): Promise<readonly T[]> {
    const resource = (await this.client.catalog()).resolve(kind)
    return (await this.client.objects.list<T>(resource, resource.namespaced ? { namespace } : {})).items
  }

  log(): Promise<string> {
    return readFile(join(this.dir, 'scheduler.log'), 'utf8')
  }

  /** What Prometheus gets, and the figures in it by their series, such as `berth_hosts{state="ready"}`; NaN for one that is not there. */
  async metrics(): Promise<{ readonly text: string; figure(series: string): number }> {
    const text = (await this.client.transport.bytes({ path: '/metrics' })).toString('utf8')
    const figure = (series: string) =>
      Number(
        text
          .split('\n')
          .find((line) => line.startsWith(`${series} `))
          ?.slice(series.length + 1) ?? Number.NaN,
      )
    return { text, figure }
  }

  /** 0 between two schedulers. */
  async pid(): Promise<number> {
    return Number(await readFile(join(this.dir, 'scheduler.pid'), 'utf8').catch(() => '0'))
  }

  /** SIGKILL; resolves at once. The lab starts another one a second later. Returns the pid that was killed. */
  async kill(): Promise<number> {
    const pid = await waitFor('a scheduler to kill', READY_SECONDS, async () => (await this.pid()) || null)
    process.kill(pid, 'SIGKILL')
    return pid
  }

  /** Until a scheduler that is not `old` answers and rules. */
  async ready(old = 0): Promise<void> {
    await waitFor(
      'scheduler ready',
      READY_SECONDS,
      async () => {
        const pid = await this.pid()
        if (pid === 0 || pid === old) return false
        await this.client.transport.bytes({ path: '/readyz', timeoutMs: READYZ_MS })
        return true
      },
      () => this.log().then((log) => log.slice(-3000)),
    )
  }

  /** SIGKILL and wait for the next one. */
  async restart(): Promise<void> {
    await this.ready(await this.kill())
  }

  /** There is no scheduler while `work` runs. Then waits for the next one. */
  async without(work: () => Promise<void>): Promise<void> {
    const keeper = Number(await readFile(join(this.dir, 'scheduler-loop.pid'), 'utf8'))
    process.kill(keeper, 'SIGSTOP')
    let old = 0
    try {
      old = await this.kill()
      await work()
    } finally {
      process.kill(keeper, 'SIGCONT')
    }
    await this.ready(old)
  }

  /** The scheduler sees and says nothing while `work` runs, and goes on after it. */
  async whileFrozen(work: () => Promise<void>): Promise<void> {
    const pid = await waitFor('a scheduler to freeze', READY_SECONDS, async () => (await this.pid()) || null)
    process.kill(pid, 'SIGSTOP')
    try {
      await work()
    } finally {
      process.kill(pid, 'SIGCONT')
    }
  }

  /** Copies log and database into a folder. */
  async collect(into: string): Promise<void> {
    await mkdir(into, { recursive: true })
    for (const path of EVIDENCE)
      await cp(join(this.dir, path), join(into, path.replaceAll('/', '-')), { force: true }).catch(() => undefined)
  }
}
