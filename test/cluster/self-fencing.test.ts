// Hosts that nobody hears end their machines that may be failed over by themselves, and only then others start them: by the host's own clock,
// and by a watchdog. Nothing powers them off, and QEMU takes no locks here. The kernel of this machine has no watchdog: a pipe stands in the place of
// the device, and the test, which reads it, is what a kernel would be: it cuts the power of the host when it is not fed.
import { execFile } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { appendFile, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest'
import type { KubeObject } from '../../lib/object.ts'
import { type Cluster, keepClusterEvidence, openCluster } from '../support/cluster.ts'
import { FakeWatchdog } from '../support/fake-watchdog.ts'
import type { LabHost } from '../support/lab-host.ts'
import { powerSwitch } from '../support/power-switch.ts'
import { waitFor } from '../support/wait.ts'

interface Condition {
  readonly type: string
  readonly status: string
  readonly reason: string
}

interface Shown extends KubeObject {
  readonly status?: {
    readonly phase?: string
    readonly nodeName?: string
    readonly conditions?: readonly Condition[]
    readonly berth?: { readonly promise?: { readonly covers: Readonly<Record<string, number>> } }
  }
}

const START_SECONDS = 120
/** The promise is 60 s on a machine with something to spare; a restarted scheduler waits 35 s more. */
const FAILOVER_SECONDS = 180
const POLL_MS = 50
/** Seconds. Machines are ended at half of it; the promise is 2 s more. */
const WATCHDOG = 12

let cluster: Cluster
let watch: Watch
let dogs: readonly FakeWatchdog[] = []

const OBJECTS = `
apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata: {name: shared}
provisioner: berth/dir
parameters: {path: /var/lib/berth-shared/disks, shared: "true"}
${['goes', 'stays'].map(machineAndDisk).join('')}`

/** Its firmware finds nothing to boot: what runs in it does not matter. */
function machineAndDisk(name: string): string {
  return `---
apiVersion: virtualization.deckhouse.io/v1alpha2
kind: VirtualDisk
metadata: {name: ${name}, namespace: default}
spec: {persistentVolumeClaim: {size: 1Mi, storageClassName: shared}}
---
apiVersion: virtualization.deckhouse.io/v1alpha2
kind: VirtualMachine
metadata:
  name: ${name}
  namespace: default
  annotations: {${name === 'goes' ? 'berth/failover: enabled' : 'example/failover: none'}}
spec:
  virtualMachineClassName: generic
  terminationGracePeriodSeconds: 1
  cpu: {cores: 1, coreFraction: 10%}
  memory: {size: 64Mi}
  blockDeviceRefs: [{kind: VirtualDisk, name: ${name}}]
`
}

/** Looks at the processes of this machine, on which all hosts are: how many QEMUs of a machine live at the same moment. */
class Watch {
  readonly #uid: string
  readonly #timer: NodeJS.Timeout
  #most = 0
  /** Since when (ms) there is none; null while there is one. */
  #noneSince: number | null = null
  #gap: { readonly from: number; readonly to: number } | null = null

  constructor(uid: string) {
    this.#uid = uid
    this.#timer = setInterval(() => this.#look(), POLL_MS)
  }

  get most(): number {
    return this.#most
  }

  /** Milliseconds, on the clock of `performance`: when the last run ended, and when the next one began. */
  get gap(): { readonly from: number; readonly to: number } | null {
    return this.#gap
  }

  again(): void {
    this.#gap = null
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  #look(): void {
    const count = qemusOf(this.#uid).length
    const now = performance.now()
    this.#most = Math.max(this.#most, count)
    if (count === 0) this.#noneSince ??= now
    else if (this.#noneSince !== null) {
      this.#gap = { from: this.#noneSince, to: now }
      this.#noneSince = null
    }
  }
}

const read = (path: string): string => {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

const qemusOf = (uid: string): readonly string[] =>
  readdirSync('/proc').filter((pid) => {
    if (!/^\d+$/.test(pid)) return false
    const words = read(`/proc/${pid}/cmdline`).split('\0')
    return words[words.indexOf('-uuid') + 1] === uid && words.indexOf('-uuid') > 0
  })

const shown = (kind: string, name: string): Promise<Shown> => cluster.scheduler.get(kind, name)

const conditionOf = ({ status }: Shown, type: string): Condition | undefined =>
  status?.conditions?.find((one) => one.type === type)

const hostOfGoes = async (): Promise<LabHost> => cluster.hostOf((await shown('vm', 'goes')).status?.nodeName ?? '')

/** `failover` of all agents from now on. */
async function configure(failover: (host: LabHost) => string): Promise<void> {
  for (const host of cluster.hosts) {
    const path = join(host.dir, 'agent.yaml')
    const kept = (await readFile(path, 'utf8')).replace(/^failover:.*\n/m, '')
    await writeFile(path, `${kept}failover: ${failover(host)}\n`)
    await host.restartAgent()
  }
}

/** It runs, and its host has said that it ends with the lease. */
async function covered(): Promise<{ readonly host: LabHost; readonly uid: string }> {
  return await waitFor('a machine that its host watches over', START_SECONDS, async () => {
    const { metadata, status } = await shown('vm', 'goes')
    if (status?.phase !== 'Running' || status.nodeName === undefined) return null
    const promise = (await shown('node', status.nodeName)).status?.berth?.promise
    return promise?.covers[metadata.uid] === undefined
      ? null
      : { host: cluster.hostOf(status.nodeName), uid: metadata.uid }
  })
}

/** Until it runs on another host. Says how long that took, and how long there was no copy of it. */
async function elsewhere(from: LabHost, reason: string, cutAt: number): Promise<LabHost> {
  const moved = await waitFor('the machine on another host', FAILOVER_SECONDS, async () => {
    const now = await shown('vm', 'goes')
    return now.status?.phase === 'Running' && now.status.nodeName !== from.name ? now : null
  })
  const seconds = (ms: number) => (ms / 1000).toFixed(1)
  const { from: ended = 0, to: begun = 0 } = watch.gap ?? {}
  process.stderr.write(
    `${reason}: ended ${seconds(ended - cutAt)} s after the cut, began elsewhere ${seconds(begun - cutAt)} s after it\n`,
  )
  expect(conditionOf(moved, 'Failover')).toMatchObject({ status: 'True', reason: 'FailedOver' })
  expect(conditionOf(await shown('node', from.name), 'HostDead')).toMatchObject({ status: 'True', reason })
  expect(watch.gap).not.toBeNull()
  const host = cluster.hostOf(moved.status?.nodeName ?? '')
  expect(await host.virsh('list', '--uuid')).toContain(moved.metadata.uid)
  return host
}

beforeAll(async () => {
  cluster = await openCluster(3, undefined, { unlocked: true })
  await appendFile(join(cluster.scheduler.dir, 'scheduler.yaml'), 'failover: {timeoutCounts: true}\n')
  await cluster.scheduler.restart()
  await configure(() => '{selfFencing: timeout}')
  const file = join(cluster.dir, 'objects.yaml')
  await writeFile(file, OBJECTS)
  // Both machines begin on h1, and may go elsewhere later.
  await cluster.kubectl('cordon', 'h2', 'h3')
  await cluster.kubectl('apply', '-f', file)
  const { uid } = (await shown('vm', 'goes')).metadata
  watch = new Watch(uid)
})
beforeEach((context) => keepClusterEvidence(context, cluster))
afterEach(() => {
  watch.again()
  expect(watch.most).toBe(1)
})
afterAll(async () => {
  watch?.stop()
  for (const dog of dogs) dog.close()
  await cluster.down()
})

it('ends it by its own clock without its agent, and others run on; a restarted scheduler starts it elsewhere', async () => {
  const { host } = await covered()
  const stays = await waitFor('the other machine beside it', START_SECONDS, async () => {
    const { metadata, status } = await shown('vm', 'stays')
    return status?.phase === 'Running' && status.nodeName === host.name ? metadata.uid : null
  })
  await cluster.kubectl('uncordon', 'h2', 'h3')
  const [qemu] = qemusOf(stays)
  await cluster.whileCutOff(host, () =>
    host.withoutAgent(async () => {
      const cutAt = performance.now()
      await cluster.scheduler.restart()
      await elsewhere(host, 'TimeoutExpired', cutAt)
      expect(qemusOf(stays)).toEqual([qemu])
      expect(conditionOf(await shown('vm', 'stays'), 'Failover')).toMatchObject({ reason: 'WaitingForHost' })
    }),
  )
  await waitFor('the host heard again', START_SECONDS, async () => {
    const node = await shown('node', host.name)
    return conditionOf(node, 'HostDead') === undefined && conditionOf(node, 'Ready')?.status === 'True'
  })
  expect(qemusOf(stays)).toEqual([qemu])
})

it('ends it before its watchdog bites, while its agent hangs: the host is not reset', async () => {
  const command = await powerSwitch(cluster.dir)
  const made = new Map<string, FakeWatchdog>()
  for (const { name, stateDir } of cluster.hosts)
    made.set(name, await FakeWatchdog.at(join(stateDir, 'watchdog'), WATCHDOG, () => void execFile(command, [name])))
  dogs = [...made.values()]
  await configure(() => `{watchdog: /var/lib/berth/watchdog, watchdogSeconds: ${WATCHDOG}}`)
  const { host } = await covered()
  const dog = made.get(host.name)
  expect(dog?.armed).toBe(true)
  await cluster.whileCutOff(host, () =>
    host.whileAgentFrozen(async () => {
      await elsewhere(host, 'WatchdogExpired', performance.now())
      expect([dog?.bitten, dog?.armed]).toEqual([false, false])
    }),
  )
})

it('is reset by its watchdog when nothing on it ends the machine', async () => {
  const { host } = await covered()
  const dog = dogs[cluster.hosts.indexOf(host)]
  expect(dog?.armed).toBe(true)
  const { pid } = JSON.parse(await host.exec('cat', '/run/berth/fence-report.json')) as { readonly pid: number }
  await cluster.whileCutOff(host, async () => {
    const cutAt = performance.now()
    await host.signal('STOP', pid)
    // Its agent would start another one.
    const keeper = Number(await readFile(join(host.dir, 'agent-loop.pid'), 'utf8'))
    process.kill(keeper, 'SIGSTOP')
    await host.killAgent()
    await elsewhere(host, 'WatchdogExpired', cutAt)
    expect(dog?.bitten).toBe(true)
    await expect(host.exec('true')).rejects.toThrow()
    process.kill(keeper, 'SIGCONT')
  })
  expect(await hostOfGoes()).not.toBe(host)
})
