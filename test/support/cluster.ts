// A lab of several hosts and a scheduler for tests: the one that the project `cluster` shares, or one of a test's own.
import { join } from 'node:path'
import { execa } from 'execa'
import { inject, type TestContext } from 'vitest'
import { keepEvidence, RESULTS } from './lab.ts'
import type { LabHost } from './lab-host.ts'
import type { LabPlace } from './lab-place.ts'
import { LabScheduler } from './lab-scheduler.ts'
import { type Lab, type LabOptions, openLab } from './open-lab.ts'

const HOSTS = 3
/** The last number of the scheduler's address, by scripts/lib/lab-scheduler.sh. */
const SCHEDULER_NUMBER = '250'
const COMMAND_MS = 60_000
const COLLECT_MS = 60_000

export interface Cluster extends Lab {
  readonly scheduler: LabScheduler
  /** Of the scheduler. */
  readonly kubeconfig: string
  /** By name: `h1`. @throws when there is none */
  hostOf(name: string): LabHost
  /** kubectl's output, of the scheduler. @throws when it fails */
  kubectl(...args: readonly string[]): Promise<string>
  /** The output of `berth`, of the scheduler. @throws when it fails */
  berth(...args: readonly string[]): Promise<string>
  /** Of a host or of `scheduler`, in the lab's network. */
  addressOf(name: string): string
  /** Nothing goes between the host and that address, either way, while `work` runs: packets are lost, nobody is told. */
  whileApart(host: LabHost, address: string, work: () => Promise<void>): Promise<void>
  /** Nothing gets to the host or away from it while `work` runs; what runs in it goes on. */
  whileCutOff(host: LabHost, work: () => Promise<void>): Promise<void>
}

/** The project's own cluster of three hosts: brought up by the first test file that asks, ended after the last. Each closes it, for the next. */
export const sharedCluster = (): Promise<Cluster> => openCluster(HOSTS, inject('sharedLab'))

/** A cluster of `count` hosts, brought up or found; resolves when every host has joined and the scheduler rules. */
export async function openCluster(count: number, place?: LabPlace, options: LabOptions = {}): Promise<Cluster> {
  const lab = await openLab(count, place, { ...options, scheduler: true })
  const scheduler = new LabScheduler(lab.dir)
  await scheduler.ready()
  const kubeconfig = join(lab.dir, 'kubeconfig')
  const run = async (file: string, args: readonly string[]): Promise<string> =>
    (await execa(file, args, { stdin: 'ignore', timeout: COMMAND_MS })).stdout
  const link = (host: LabHost, state: 'up' | 'down') => run('ip', ['link', 'set', `bl${lab.run}${host.name}`, state])
  return {
    ...lab,
    scheduler,
    kubeconfig,
    hostOf: (name) => {
      const host = lab.hosts.find((one) => one.name === name)
      if (host === undefined) throw new Error(`the cluster has no host ${name}`)
      return host
    },
    kubectl: (...args) => run('kubectl', ['--kubeconfig', kubeconfig, ...args]),
    berth: (...args) => run(join(import.meta.dirname, '../../bin/berth'), ['--kubeconfig', kubeconfig, ...args]),
    addressOf: (name) => lab.gateway.replace(/\d+$/, name === 'scheduler' ? SCHEDULER_NUMBER : name.replace(/^h/, '')),
    whileApart: async (host, address, work) => {
      const rules = [
        ['INPUT', '-s', address],
        ['OUTPUT', '-d', address],
      ] as const
      const all = (change: '-I' | '-D') =>
        Promise.all(rules.map(([chain, ...rule]) => host.exec('iptables', '-w', change, chain, ...rule, '-j', 'DROP')))
      await all('-I')
      try {
        await work()
      } finally {
        await all('-D')
      }
    },
    whileCutOff: async (host, work) => {
      await link(host, 'down')
      try {
        await work()
      } finally {
        await link(host, 'up')
      }
    },
    close: async () => {
      await scheduler.client.close()
      await lab.close()
    },
    down: async () => {
      await scheduler.client.close()
      await lab.down()
    },
  }
}

/** For `beforeEach`: after a failure the logs and databases of hosts and scheduler are in test-results/<name of the test>. */
export function keepClusterEvidence(context: TestContext, { hosts, scheduler }: Cluster): void {
  keepEvidence(context, hosts)
  const { task, onTestFailed } = context
  onTestFailed(async () => {
    const name = `${task.file.name} ${task.name}`.replaceAll(/[^\w.-]+/g, '-').slice(0, 120)
    await scheduler.collect(join(RESULTS, name, 'scheduler'))
  }, COLLECT_MS)
}
