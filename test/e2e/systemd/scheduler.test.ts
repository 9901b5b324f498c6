// The scheduler as a service, beside an agent that joins it, on a host whose PID 1 is systemd: enabled, killed, hung, upgraded, removed.
// A guest that the scheduler placed runs on, the same process, through all of it.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { waitFor } from '../../support/wait.ts'
import { ROOT } from '../scripts/lab-tool.ts'
import {
  anotherProcess,
  apply,
  ask,
  bareVm,
  copyIn,
  exposure,
  hang,
  OBJECTS,
  packageOf,
  qemuOf,
  quickWatchdog,
  service,
  untilSays,
} from './package.ts'
import { startTree, type Tree } from './tree.ts'

const UNIT = 'berth-scheduler'
const SOCKET = '/run/berth/scheduler.sock'
const DATABASE = '/var/lib/berth-scheduler/berth.db'
/** An address that is not loopback: others are told of it. */
const ADDRESS = '10.88.0.1'
const SCHEDULER_CONFIG = `listen: ["127.0.0.1:8751", "${ADDRESS}:8751"]
failover: { fencing: { command: [/bin/false, --password=plantedInFencing] } }`

let tree: Tree
beforeAll(async () => {
  tree = await startTree('scheduler')
  await tree.sh(`ip address add ${ADDRESS}/32 dev lo`)
})
afterAll(async () => {
  await tree?.stop()
})

const configure = (name: string, text: string) => tree.sh(`cat >/etc/berth/${name}.yaml <<'YAML'\n${text}\nYAML`)
/** The command line, at the scheduler. */
const atScheduler = (line: string) => tree.sh(`BERTH_SOCKET=${SOCKET} ${line}`)
const troubles = () => tree.sh(`systemctl status ${UNIT}; journalctl -u ${UNIT} -u berth-agent -o cat -n 30`)

/** The scheduler hears the host and could give it machines. */
const untilReady = () =>
  waitFor(
    'the Node is Ready at the scheduler',
    90,
    async () => {
      const { items } = await ask<{ items: { status: { conditions: { type: string; status: string }[] } }[] }>(
        tree,
        '/api/v1/nodes',
        SOCKET,
      )
      return items[0]?.status.conditions.some(({ type, status }) => type === 'Ready' && status === 'True')
    },
    troubles,
  )

describe('the scheduler on a host with systemd', () => {
  let guest = 0
  const guestRunsOn = async () => {
    expect(await qemuOf(tree, 'placed')).toBe(guest)
    expect(await tree.sh(`ps -o comm= -p ${guest}`)).toMatch(/^qemu-system/)
  }

  it('is in the package, runs where somebody enables it, and says when it is ready', async () => {
    await tree.sh(`dpkg -i ${copyIn(tree, await packageOf('0.1.0'))}`)
    expect((await tree.try(`systemctl is-enabled ${UNIT}`)).stdout).toBe('disabled')
    expect(await service(tree, UNIT)).toMatchObject({ active: 'inactive' })
    await configure('scheduler', SCHEDULER_CONFIG)
    await tree.sh(`systemctl enable --now ${UNIT}`)
    const { active, status, pid } = await service(tree, UNIT)
    expect({ active, status }).toEqual({ active: 'active', status: 'Rules 0 hosts with 0 machines' })
    expect(await tree.sh('stat -c "%U:%G %a" /run/berth/scheduler.sock /var/lib/berth-scheduler')).toBe(
      'root:berth 660\nroot:root 700',
    )
    // CAP_CHOWN is the first bit.
    expect(await tree.sh(`grep CapEff /proc/${pid}/status`)).toMatch(/\t0+1$/)
    await tree.sh('curl -sf --unix-socket /run/berth/scheduler.sock http://localhost/readyz')
  })

  it('lets a host join by the command that it prints, once, and places a machine there', async () => {
    await configure('agent', `allowEmulation: true\nlisten: ["127.0.0.1:8750", "${ADDRESS}:8750"]`)
    await tree.sh('systemctl restart berth-agent')
    const join = await atScheduler('berth node token create')
    expect(join).toMatch(new RegExp(`^berth node join https://${ADDRESS}:8751 --token \\S+ --ca-hash sha256:`))
    expect(await tree.sh(join)).toContain(`has joined the cluster of https://${ADDRESS}:8751`)
    const again = await tree.try(join)
    expect(again.exitCode).not.toBe(0)
    expect(again.stderr).toMatch(/was used by \S+ at .*: it is good for one host/)
    await untilReady()
    await bareVm(tree, 'placed', 'AlwaysOn', SOCKET)
    await waitFor(
      'the machine runs',
      90,
      async () =>
        (await ask<{ status?: { phase?: string } }>(tree, `${OBJECTS}/virtualmachines/placed`, SOCKET)).status
          ?.phase === 'Running',
      async () => `${await atScheduler('berth describe vm placed')}\n${await troubles()}`,
    )
    guest = await qemuOf(tree, 'placed')
    await untilSays(tree, 'Rules 1 hosts with 1 machines', UNIT)
  })

  it('gives a bundle for whoever helps, whole and without secrets', async () => {
    const data = { key: Buffer.from('plantedInSecret').toString('base64') }
    await apply(tree, [{ apiVersion: 'v1', kind: 'Secret', metadata: { name: 'planted' }, data }], SOCKET)
    await tree.sh('cd /root && berth debug --scheduler bundle.tar.gz && tar -xzf bundle.tar.gz')
    expect(await tree.sh('cat /root/berth-debug/MANIFEST.txt')).not.toContain('MISSING')
    for (const [file, word] of [
      ['journal.txt', 'a host has joined'],
      ['metrics.txt', 'berth_hosts{state=\\"ready\\"} 1'],
      ['readyz.txt', '[+]rule ok'],
      ['configuration.json', '(1 arguments left out)'],
      ['objects/virtualmachines.virtualization.deckhouse.io.json', 'placed'],
      ['objects/secrets.json', 'planted'],
    ])
      expect((await tree.try(`grep -qF "${word}" /root/berth-debug/${file}`)).exitCode, `${word} in ${file}`).toBe(0)
    expect((await tree.try(`grep -rlE 'plantedIn|${data.key.slice(0, -4)}' /root/berth-debug`)).stdout).toBe('')
  })

  it('is started anew by systemd when it is killed, and when it hangs', async () => {
    await quickWatchdog(tree, UNIT)
    const before = await service(tree, UNIT)
    await tree.sh(`systemctl kill --kill-whom=main -s KILL ${UNIT}`)
    await anotherProcess(tree, before, UNIT)
    await hang(tree, UNIT)
    await untilReady()
    await guestRunsOn()
  })

  it('is upgraded with the agent; one that would refuse its configuration is not exchanged', async () => {
    const next = copyIn(tree, await packageOf('0.1.1'))
    const [agent, scheduler] = [await service(tree), await service(tree, UNIT)]
    await configure('scheduler', `${SCHEDULER_CONFIG}\nnonsense: 1`)
    const { stderr } = await tree.try(`dpkg -i ${next}`)
    expect(stderr).toContain('nonsense: unknown key')
    expect(stderr).toContain('systemctl restart berth-scheduler')
    expect((await service(tree)).pid).not.toBe(agent.pid)
    expect(await service(tree, UNIT)).toMatchObject({ active: 'active', pid: scheduler.pid })
    await configure('scheduler', SCHEDULER_CONFIG)
    await tree.sh('systemctl restart berth-scheduler')
    expect(await service(tree, UNIT)).toMatchObject({ active: 'active' })
    expect((await service(tree, UNIT)).pid).not.toBe(scheduler.pid)
    expect(await tree.sh('curl -s --unix-socket /run/berth/scheduler.sock http://localhost/version')).toContain('0.1.1')
    await untilReady()
    await guestRunsOn()
  })

  it('stops in order; removed it leaves all, and comes back as it was', async () => {
    await tree.sh(`systemctl stop ${UNIT}`)
    expect(await tree.sh(`systemctl show ${UNIT} -p Result`)).toBe('Result=success')
    expect(await tree.sh('berth get vm placed -o name')).toContain('placed')
    await tree.sh('dpkg -r berth')
    await guestRunsOn()
    await tree.sh('dpkg -i /root/berth_0.1.1_amd64.deb')
    expect(await service(tree, UNIT)).toMatchObject({ active: 'active' })
    expect(await service(tree)).toMatchObject({ active: 'active' })
    await untilReady()
    await guestRunsOn()
  })

  it('purged, it leaves its database and no unit', async () => {
    const { stderr } = await tree.try('dpkg -P berth')
    expect(stderr).toContain('/var/lib/berth-scheduler is kept')
    expect(await tree.sh(`ls ${DATABASE}`)).toBe(DATABASE)
    expect(
      await tree.sh(`find /etc/systemd /etc/berth /usr/lib/systemd -name '${UNIT}.service' 2>/dev/null || true`),
    ).toBe('')
    await guestRunsOn()
  })
})

it('is no less confined than the agent, by the score that docs/security.md names', async () => {
  const [agent, scheduler] = [await exposure('berth-agent'), await exposure(UNIT)]
  expect(Number(scheduler.score)).toBeGreaterThan(0)
  expect(Number(scheduler.score)).toBeLessThanOrEqual(Number(agent.score))
  // Other versions of systemd weigh otherwise.
  const account = readFileSync(join(ROOT, 'docs/security.md'), 'utf8')
  if (scheduler.version === '252') expect(account).toContain(`exposure level of the scheduler is ${scheduler.score}`)
})
