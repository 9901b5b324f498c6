// The package and the service on a host whose PID 1 is systemd: installed without Node, npm or a compiler, restarted, killed, hung,
// upgraded, rebooted, removed. One guest runs on, the same process, through everything but the reboot.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { execa } from 'execa'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { waitFor } from '../../support/wait.ts'
import { ROOT } from '../scripts/lab-tool.ts'
import {
  bareVm,
  buildPackage,
  copyIn,
  exposure,
  hang,
  IMAGE_ADDRESS,
  importImages,
  LOOKED_AFTER,
  packageOf,
  qemuOf,
  quickWatchdog,
  scratchFolder,
  service,
  untilRunning,
  untilSays,
  untilStopped,
} from './package.ts'
import { startTree, type Tree } from './tree.ts'

const CONFIG = `allowEmulation: true\nimporter: { allow: ["${IMAGE_ADDRESS}"] }`

const folder = scratchFolder()
let tree: Tree
beforeAll(async () => {
  tree = await startTree('service')
})
afterAll(async () => {
  await tree?.stop()
  folder.remove()
})

const configure = (text: string) => tree.sh(`cat >/etc/berth/agent.yaml <<'YAML'\n${text}\nYAML`)
const untilLookedAfter = () => untilSays(tree, LOOKED_AFTER)

describe('the package on a host with systemd', () => {
  let deb = ''
  let guest = 0
  const guestRunsOn = async () => {
    expect(await qemuOf(tree, 'stays')).toBe(guest)
    expect(await tree.sh(`ps -o comm= -p ${guest}`)).toMatch(/^qemu-system/)
  }

  it('is the same bytes when it is built again', async () => {
    deb = await packageOf('0.1.0')
    const again = await buildPackage(folder.path, '0.1.0')
    await execa('cmp', [deb, again])
  })

  it('installs on a host that has neither Node nor npm nor a compiler, and runs', async () => {
    expect((await tree.try('type node || type npm || type cc || type g++ || type make')).exitCode).not.toBe(0)
    await tree.sh(`dpkg -i ${copyIn(tree, deb)}`)
    expect(await tree.sh('systemctl is-enabled berth-agent')).toBe('enabled')
    await untilLookedAfter()
    expect(await tree.sh('stat -c "%U:%G %a" /run/berth /run/berth/agent.sock /var/lib/berth')).toBe(
      'root:root 755\nroot:berth 660\nroot:root 711',
    )
    expect(await tree.sh('id -un berth-img && man -w berth-agent && berth version | head -1')).toContain('0.1.0')
    expect(await tree.sh('. /usr/share/bash-completion/completions/berth; complete -p berth')).toContain('_berth berth')
  })

  it('does its work under the confinement of its unit: images, user data, CPU shares, the screen', async () => {
    await configure(CONFIG)
    await tree.sh('systemctl restart berth-agent')
    await importImages(tree)
    await bareVm(tree, 'stays', 'AlwaysOn')
    await bareVm(tree, 'by-hand', 'Manual')
    await untilRunning(tree, 'stays')
    guest = await qemuOf(tree, 'stays')
    await untilStopped(tree, 'by-hand')
    await tree.sh('berth screenshot stays -o /root/screen.png')
    expect(await tree.sh('head -c 4 /root/screen.png | tail -c 3')).toBe('PNG')
  })

  it('leaves the guest alone when the agent stops, starts and is killed', async () => {
    await tree.sh('systemctl stop berth-agent')
    expect((await tree.try('berth get vm')).exitCode).not.toBe(0)
    await guestRunsOn()
    await tree.sh('systemctl start berth-agent')
    const { pid } = await service(tree)
    await tree.sh('systemctl kill --kill-whom=main -s KILL berth-agent')
    await waitFor('another agent', 30, async () => ![0, pid].includes((await service(tree)).pid))
    await untilLookedAfter()
    await untilRunning(tree, 'stays')
    await guestRunsOn()
  })

  it('says in its status that libvirt is away, and when it is back', async () => {
    const sockets = 'libvirtd.socket libvirtd-ro.socket libvirtd-admin.socket'
    await tree.sh(`systemctl stop ${sockets} libvirtd.service`)
    await waitFor('the status', 30, async () => (await service(tree)).status.includes('not looked after: libvirt'))
    await tree.sh(`systemctl start ${sockets} libvirtd.service`)
    await untilLookedAfter()
    await guestRunsOn()
  })

  it('is started anew by systemd when it hangs', async () => {
    await quickWatchdog(tree)
    await hang(tree)
    await untilRunning(tree, 'stays')
    await guestRunsOn()
  })

  it('is upgraded under the running guest, and not to an agent that would refuse the configuration', async () => {
    const next = copyIn(tree, await packageOf('0.1.1'))
    const { pid } = await service(tree)
    await configure(`${CONFIG}\nnonsense: 1`)
    const refused = await tree.try(`dpkg -i ${next}`)
    expect(refused.exitCode).not.toBe(0)
    expect(refused.stderr).toContain('nonsense: unknown key')
    expect(await service(tree)).toMatchObject({ active: 'active', pid })
    await configure(CONFIG)
    await tree.sh('dpkg --configure -a')
    expect((await service(tree)).pid).not.toBe(pid)
    expect(await tree.sh('curl -s --unix-socket /run/berth/agent.sock http://localhost/version')).toContain('0.1.1')
    expect(await tree.sh('cat /etc/berth/agent.yaml')).toBe(CONFIG)
    await untilLookedAfter()
    await untilRunning(tree, 'stays')
    await guestRunsOn()
  })

  it('gives up on a configuration that is refused, once, and says why', async () => {
    await configure('nonsense: 1')
    expect((await tree.try('systemctl restart berth-agent')).exitCode).not.toBe(0)
    const { active, restarts } = await service(tree)
    expect({ active, restarts }).toEqual({ active: 'failed', restarts: 0 })
    await waitFor('the journal has it', 30, async () =>
      (await tree.sh('journalctl -u berth-agent -p crit -o cat -n 1')).includes('nonsense: unknown key'),
    )
    await configure(CONFIG)
    await tree.sh('systemctl restart berth-agent')
    await guestRunsOn()
  })

  it('brings the guests back after a reboot, as their policies say', async () => {
    await tree.reboot()
    // Until the new agent has looked, the status is what the old one has said. A file that is just being written says nothing yet.
    guest = await waitFor('the QEMU of stays', 60, async () => (await qemuOf(tree, 'stays')) || null)
    await untilRunning(tree, 'stays')
    await untilStopped(tree, 'by-hand')
  })

  it('removed and purged, it leaves guests and state; installed again, it knows them', async () => {
    await tree.sh('dpkg -r berth')
    expect((await tree.try('systemctl is-active berth-agent')).exitCode).not.toBe(0)
    await guestRunsOn()
    const { stderr } = await tree.try('dpkg -P berth')
    expect(stderr).toContain('/var/lib/berth is kept')
    expect(await tree.sh('ls -d /etc/berth /usr/lib/berth 2>/dev/null; ls /var/lib/berth/berth.db')).toBe(
      '/var/lib/berth/berth.db',
    )
    await guestRunsOn()
    await tree.sh('dpkg -i /root/berth_0.1.1_amd64.deb')
    await untilRunning(tree, 'stays')
    await guestRunsOn()
  })
})

describe('the account of the hardening', () => {
  it('names the score that systemd-analyze gives', async () => {
    const { score, version } = await exposure('berth-agent')
    const account = readFileSync(join(ROOT, 'docs/security.md'), 'utf8')
    expect(account).toContain(`${score} of 10 with systemd ${version}`)
  })
})
