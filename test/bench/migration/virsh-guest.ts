// The other side: the same guest, defined from Berth's own XML under another name on the same two hosts, and moved by `virsh migrate`
// with the flags that the agents use.
import { randomUUID } from 'node:crypto'
import { copyFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { execa } from 'execa'
import { booted, countIn, livesOn } from './guest.ts'
import { type MoveHost, type MoveLab, OWN_FOLDER, SHARED_FOLDER } from './lab.ts'
import { lengthOf, type Pauses } from './pauses.ts'

const NAME = 'bench-virsh'
const BOOT_MS = 180_000
const MOVE_MS = 120_000
const SIZE = '256M'
/** VIR_DOMAIN_XML_INACTIVE. */
const XML_INACTIVE = 2
/** MiB/s, as the scheduler's `migration.bandwidthMiBps` and the agents' say. */
const BANDWIDTH = '640'
const SHARED_FILE = 'bench-virsh.qcow2'

export interface VirshMove {
  /** From the start of the process to its end. */
  readonly totalMs: number
  /** By libvirt's events. */
  readonly pauseMs: number | null
  /** As `virsh domjobinfo --completed` says. */
  readonly toldPauseMs: number | null
  /** In words, what went wrong; null: nothing. */
  readonly fault: string | null
}

const qemuImg = (...args: readonly string[]) => execa('qemu-img', args, { stdin: 'ignore' })

export class VirshGuest {
  readonly #lab: MoveLab
  readonly #pauses: Pauses
  readonly #uuid = randomUUID()
  readonly #shared: boolean
  #way: readonly [MoveHost, MoveHost]

  constructor(lab: MoveLab, pauses: Pauses, shared: boolean) {
    this.#lab = lab
    this.#pauses = pauses
    this.#shared = shared
    this.#way = lab.hosts
  }

  /** As the domain `name` of `host`, which Berth made, and beside it. */
  async boot(host: MoveHost, uid: string): Promise<void> {
    const { hosts, image, sharedFolder } = this.#lab
    this.#way = [host, hosts.find((one) => one !== host) ?? host]
    const { xml } = await host.libvirt.call('DomainGetXMLDesc', {
      dom: { name: '', uuid: uid, id: -1 },
      flags: XML_INACTIVE,
    })
    const [seed] = /\/var\/lib\/berth\/seeds\/[^']*/.exec(xml) ?? []
    if (seed === undefined) throw new Error('the machine has no user data')
    for (const { ownFolder } of hosts) {
      copyFileSync(seed.replace('/var/lib/berth', host.stateDir), join(ownFolder, 'seed.iso'))
      copyFileSync(image, join(ownFolder, 'base.qcow2'))
    }
    if (this.#shared) {
      copyFileSync(image, join(sharedFolder, SHARED_FILE))
      await qemuImg('resize', '-q', join(sharedFolder, SHARED_FILE), SIZE)
    } else await this.#makeDisk(host)
    await host.libvirt.call('DomainDefineXMLFlags', { xml: this.#definition(xml, uid), flags: 0 })
    await host.libvirt.call('DomainCreateWithFlags', { dom: this.#dom, flags: 0 }, { timeoutMs: BOOT_MS })
    await booted(this.#log(host))
  }

  async move(): Promise<VirshMove> {
    const [from, to] = this.#way
    // What Berth's target does within the time, virsh's operator has done before.
    if (!this.#shared) await this.#makeDisk(to)
    const counted = countIn(this.#log(from))
    const flags = ['--live', '--persistent', '--undefinesource', '--unsafe', '--tls', '--bandwidth', BANDWIDTH]
    const disks = this.#shared ? [] : ['--copy-storage-inc', '--migrate-disks', 'sda']
    const there = ['--migrateuri', `tcp:${to.address}`, '--tls-destination', to.serverName]
    const begun = performance.now()
    const { failed, stderr } = await execa(
      'virsh',
      ['-q', '-c', from.uri, 'migrate', ...flags, ...disks, NAME, to.uri, ...there],
      { stdin: 'ignore', timeout: MOVE_MS, reject: false },
    )
    const totalMs = performance.now() - begun
    if (failed) return { totalMs, pauseMs: null, toldPauseMs: null, fault: `virsh migrate: ${stderr}` }
    this.#way = [to, from]
    const { stdout } = await execa('virsh', ['-q', '-c', to.uri, 'domjobinfo', '--completed', NAME], {
      stdin: 'ignore',
    })
    const told = /^Total downtime:\s+(\d+)/m.exec(stdout)?.[1]
    const fault = await livesOn(this.#log(to), counted)
    const pauseMs = lengthOf(this.#pauses.of(this.#uuid, from.name, to.name, begun))
    return { totalMs, pauseMs, toldPauseMs: told === undefined ? null : Number(told), fault }
  }

  async remove(): Promise<void> {
    const [here] = this.#way
    await here.libvirt.call('DomainDestroyFlags', { dom: this.#dom, flags: 0 })
    await here.libvirt.call('DomainUndefineFlags', { dom: this.#dom, flags: 0 })
    rmSync(join(this.#lab.sharedFolder, SHARED_FILE), { force: true })
    for (const { ownFolder } of this.#lab.hosts)
      for (const file of ['disk.qcow2', 'console.log']) rmSync(join(ownFolder, file), { force: true })
  }

  get #dom() {
    return { name: NAME, uuid: this.#uuid, id: -1 }
  }

  #log({ ownFolder }: MoveHost): string {
    return join(ownFolder, 'console.log')
  }

  /** A fresh overlay over the image, as Berth's target makes it. */
  async #makeDisk({ ownFolder }: MoveHost): Promise<void> {
    const path = join(ownFolder, 'disk.qcow2')
    rmSync(path, { force: true })
    // The hosts' own path for what is below.
    await qemuImg('create', '-q', '-u', '-f', 'qcow2', '-b', join(OWN_FOLDER, 'base.qcow2'), '-F', 'qcow2', path, SIZE)
  }

  /** Berth's definition with names, files and MAC of its own, and without its metadata: an agent must not take it for its own. */
  #definition(xml: string, uid: string): string {
    const disk = this.#shared ? join(SHARED_FOLDER, SHARED_FILE) : join(OWN_FOLDER, 'disk.qcow2')
    return xml
      .replace(/<metadata>.*<\/metadata>/s, '')
      .replace(/<name>[^<]*<\/name>/, `<name>${NAME}</name>`)
      .replace(/<mac address='[^']*'\/>/, "<mac address='52:54:00:be:0c:01'/>")
      .replaceAll(/\/var\/lib\/berth(-shared)?\/disks\/[^']*/g, disk)
      .replaceAll(/\/var\/lib\/berth\/images\/sha256\/[0-9a-f]{64}/g, join(OWN_FOLDER, 'base.qcow2'))
      .replaceAll(/\/var\/lib\/berth\/seeds\/[^']*/g, join(OWN_FOLDER, 'seed.iso'))
      .replaceAll(/\/var\/lib\/berth\/console\/[^']*/g, join(OWN_FOLDER, 'console.log'))
      .replaceAll(uid, this.#uuid)
  }
}
