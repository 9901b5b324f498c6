// The program behind `scripts/bench migration`: the same guest by the agents' migration and by `virsh migrate --p2p` with the same flags, in
// turn, between two lab hosts. Both are timed from outside: from the word to begin until the source's domain is gone, and the pause from
// libvirt's events of both hosts. The agents' files were prepared before, as virsh expects them too.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createConnection, createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { MovingHost } from '../../cluster/moving-host.ts'
import { MovingVm } from '../../cluster/moving-vm.ts'
import { endLab, ROOT, scriptsLab } from '../../support/lab-place.ts'
import { waitFor } from '../../support/wait.ts'

/** virDomainEventType: suspended, resumed, stopped. */
const SUSPENDED = 3
const RESUMED = 4
const STOPPED = 5
const BUDGET = { total: 1.15, downtimeMs: 20 } as const

interface Times {
  readonly totalMs: number
  readonly downtimeMs: number
}

/** When the guest's CPUs stopped at one host, ran at the other, and when the first had nothing of it any more. */
async function timed(from: MovingHost, to: MovingHost, move: () => Promise<void>): Promise<Times> {
  const leaving = from.life.libvirt.events('lifecycle')
  const coming = to.life.libvirt.events('lifecycle')
  await Promise.all([leaving.ready, coming.ready])
  const at = { suspended: 0, resumed: 0, stopped: 0 }
  const follow = async (events: typeof leaving, look: (event: number, now: number) => void) => {
    for await (const event of events) if (event.kind === 'lifecycle') look(event.event, performance.now())
  }
  const following = [
    follow(leaving, (event, now) => {
      if (event === SUSPENDED) at.suspended = now
      if (event === STOPPED) at.stopped = now
    }),
    follow(coming, (event, now) => {
      if (event === RESUMED) at.resumed = now
    }),
  ]
  const begun = performance.now()
  await move()
  await waitFor('the events of the move', 60, () => at.suspended > 0 && at.resumed > 0 && at.stopped > 0)
  leaving.close()
  coming.close()
  await Promise.all(following)
  return { totalMs: Math.max(at.stopped, at.resumed) - begun, downtimeMs: at.resumed - at.suspended }
}

/** The target's libvirtd as the source's sees it: hosts of a lab do not see each other's /run. */
async function door(host: MovingHost, folder: string): Promise<{ readonly path: string; readonly server: Server }> {
  const path = join(folder, `${host.name}.sock`)
  const server = createServer((client) => {
    const there = createConnection(join(host.lab.dir, 'run/libvirt/libvirt-sock'))
    client.pipe(there).pipe(client)
    for (const end of [client, there]) end.on('error', () => [client, there].map((one) => one.destroy()))
  })
  await new Promise<void>((resolve) => server.listen(path, resolve))
  return { path, server }
}

const median = (values: readonly number[]): number => {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? (sorted[middle] ?? 0) : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2
}

async function main(): Promise<number> {
  const { values } = parseArgs({ options: { runs: { type: 'string', default: '20' } } })
  const runs = Number(values.runs)
  const dir = mkdtempSync(join(tmpdir(), 'berth-bench-move-'))
  const image = join(ROOT, '.cache/guest/guest.qcow2')
  const hosts = new Map<string, MovingHost>()
  const doors: Server[] = []
  try {
    await scriptsLab(['image', '--dir', join(ROOT, '.cache/guest')])
    await scriptsLab(['up', '2', '--no-agent', '--dir', dir])
    const subnet = /^subnet=(.*)$/m.exec(readFileSync(join(dir, 'lab.env'), 'utf8'))?.[1] ?? ''
    const shared = join(dir, 'shared')
    mkdirSync(shared, { recursive: true })
    const both: MovingHost[] = []
    const ways = new Map<MovingHost, string>()
    for (const name of ['h1', 'h2']) {
      const host = new MovingHost(dir, name, `${subnet}.${name.slice(1)}`, hosts)
      host.options = { ...host.options, tls: false }
      await host.start()
      await host.shareFolder(shared)
      const { path, server } = await door(host, dir)
      doors.push(server)
      ways.set(host, path)
      both.push(host)
    }
    let [here, there] = both as [MovingHost, MovingHost]
    const vm = new MovingVm('bench', shared)
    await vm.boot(here, image)
    const byVirsh = async () => {
      const uri = `qemu+unix:///system?socket=${ways.get(there)}`
      const flags = ['--live', '--p2p', '--persistent', '--undefinesource', '--unsafe', '--bandwidth', '640']
      // Both hosts have a console log of their own; virsh takes the definition of the target from a file.
      const xml = join(dir, 'there.xml')
      writeFileSync(
        xml,
        (await here.lab.virsh('dumpxml', '--migratable', vm.domain)).replaceAll(here.stateDir, there.stateDir),
      )
      const times = await timed(here, there, async () => {
        await here.lab.virsh(
          'migrate',
          ...flags,
          '--xml',
          xml,
          '--persistent-xml',
          xml,
          vm.domain,
          uri,
          `tcp:${there.address}`,
        )
      })
      await here.forget(vm.uid)
      await there.put({ spec: vm.ownerSpec(), objects: vm.objects() })
      return times
    }
    const byAgents = async () => {
      const move = await vm.prepare(here, there)
      const times = await timed(here, there, async () => {
        await move.go()
        await move.see(here, 'Cleaned')
      })
      await vm.settle(here, there)
      return times
    }
    const figures: Record<'virsh' | 'agents', Times[]> = { virsh: [], agents: [] }
    for (let run = 0; run < runs; run++)
      for (const way of run % 2 === 0 ? (['virsh', 'agents'] as const) : (['agents', 'virsh'] as const)) {
        figures[way].push(await (way === 'virsh' ? byVirsh() : byAgents()))
        ;[here, there] = [there, here]
      }
    const of = (way: 'virsh' | 'agents') => ({
      totalMs: median(figures[way].map(({ totalMs }) => totalMs)),
      downtimeMs: median(figures[way].map(({ downtimeMs }) => downtimeMs)),
    })
    const [virsh, agents] = [of('virsh'), of('agents')]
    const ratio = agents.totalMs / virsh.totalMs
    const longer = agents.downtimeMs - virsh.downtimeMs
    const say = (text: string) => process.stdout.write(`${text}\n`)
    const ms = (value: number) => `${value.toFixed(0)} ms`
    say(`live migration, medians of ${runs} pairs (128 MiB guest under load, shared disk)`)
    say(`  virsh migrate --p2p   total ${ms(virsh.totalMs)}, pause ${ms(virsh.downtimeMs)}`)
    say(`  the agents            total ${ms(agents.totalMs)}, pause ${ms(agents.downtimeMs)}`)
    say(
      `  total ${ratio.toFixed(2)} × (budget ≤ ${BUDGET.total} ×), pause ${longer.toFixed(0)} ms longer (budget ≤ ${BUDGET.downtimeMs} ms)`,
    )
    mkdirSync(join(ROOT, 'bench-results'), { recursive: true })
    writeFileSync(
      join(ROOT, 'bench-results/migration.json'),
      `${JSON.stringify({ runs, virsh, agents, figures }, null, 1)}\n`,
    )
    return ratio <= BUDGET.total && longer <= BUDGET.downtimeMs ? 0 : 1
  } finally {
    for (const server of doors) server.close()
    for (const host of hosts.values()) await host.kill().catch(() => undefined)
    await endLab(dir)
    rmSync(dir, { recursive: true, force: true })
  }
}

process.exit(await main())
