// The screen of a real guest: RFB through the API and through `berth vnc`, pictures, take-over, and machines without one.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { streamPath } from '../../../cli/streams/path.ts'
import type { KubeObject } from '../../../lib/object.ts'
import { berth, GoingBerth, readBytes } from '../../support/berth.ts'
import { keepEvidence, type Lab, sharedLab } from '../../support/lab.ts'
import { decodePng } from '../../support/png.ts'
import { lookAt, RFB_VERSION } from '../../support/rfb.ts'
import { condition, Space } from '../../support/space.ts'
import { waitFor } from '../../support/wait.ts'

let lab: Lab
let space: Space
let folder: string

beforeAll(async () => {
  lab = await sharedLab()
  space = await Space.make(lab, 'vnc')
  folder = await mkdtemp(join(tmpdir(), 'berth-vnc-'))
  // Its firmware writes on the screen that it finds nothing to boot, and stays there.
  await space.bareVm('screen')
  await space.untilPhase('screen', 'Running')
})
beforeEach((context) => keepEvidence(context, lab.hosts))
afterAll(async () => {
  await space.remove()
  await lab.close()
  await rm(folder, { recursive: true, force: true })
})

const path = (vm: string) => streamPath(space.namespace, vm, 'vnc')
const open = (vm: string) => space.host.client.stream({ path: path(vm) })
const shades = (pixels: Buffer) => new Set(pixels).size

it('the websocket speaks RFB, and the picture shows what the guest wrote', async () => {
  const screen = await waitFor('text on the screen', 60, async () => {
    const stream = await open('screen')
    try {
      const seen = await lookAt(stream)
      // Before its firmware runs QEMU shows a picture of its own, of another size.
      return seen.width === 720 && shades(seen.pixels) > 1 && seen
    } finally {
      stream.close()
    }
  })
  expect(screen).toMatchObject({ height: 400, name: expect.stringContaining('vnc.screen') })
})

it('no port is opened, and only root and QEMU reach the socket', async () => {
  const xml = await space.host.virsh('dumpxml', space.domain('screen'))
  const [, socket = ''] = /<listen type='socket' socket='([^']+)'/.exec(xml) ?? []
  expect(xml).not.toMatch(/<graphics[^>]* port=/)
  const [mode] = (await space.host.exec('stat', '-c', '%a', join(socket, '..'))).split('\n')
  expect(Number.parseInt(mode ?? '777', 8) & 0o007).toBe(0)
  const pid = await space.qemuPid('screen')
  const listening = await space.host.exec('ss', '-Hltnp')
  expect(listening).not.toContain(`pid=${pid},`)
})

it('a screenshot is a PNG of the same screen', async () => {
  const file = join(folder, 'screen.png')
  expect(await berth(space.host, ['screenshot', `screen.${space.namespace}`, '-o', file])).toMatchObject({ code: 0 })
  const { width, height, pixels } = decodePng(await readFile(file))
  expect([width, height]).toEqual([720, 400])
  expect(shades(pixels)).toBeGreaterThan(1)
})

it('berth vnc leads a viewer there, one after the other', async () => {
  const going = new GoingBerth(space.host, ['vnc', `screen.${space.namespace}`, '--proxy-only'])
  const [, port] = await going.says(/^\{"port":(\d+)\}\n/)
  for (let viewer = 0; viewer < 2; viewer++) {
    const socket = connect(Number(port), '127.0.0.1')
    expect((await readBytes(socket, RFB_VERSION.length)).toString()).toBe(RFB_VERSION)
    socket.destroy()
  }
  expect(await going.interrupt()).toBe(0)
})

it('the newest viewer wins, and an event says so', async () => {
  const first = await open('screen')
  const holder = async () => await space.host.client.transport.json({ path: path('screen'), query: { probe: 'true' } })
  await waitFor('a holder', 10, async () => 'holder' in ((await holder()) as object))
  const second = await open('screen')
  expect(await first.ended).toMatchObject({ code: 4001, reason: expect.stringContaining('taken over by') })
  await lookAt(second)
  second.close()
  await second.ended
  await waitFor('a free screen', 10, async () => !('holder' in ((await holder()) as object)))
  await waitFor('the event', 20, async () =>
    JSON.stringify(await space.list<KubeObject>('Event')).includes('VNCSessionPreempted'),
  )
})

it('a machine that was started without a screen runs on, and says that a restart adds it', async () => {
  await space.bareVm('blind')
  await space.untilPhase('blind', 'Running')
  const xml = await space.host.virsh('dumpxml', '--inactive', space.domain('blind'))
  const file = join(space.host.dir, 'blind.xml')
  await writeFile(file, xml.replace(/<graphics[\s\S]*?<\/graphics>|<video>[\s\S]*?<\/video>|<audio[^>]*\/>/g, ''))
  // As if an agent of before had started it: behind the back of this one, which would not have it so.
  await space.host.whileAgentFrozen(async () => {
    await space.host.virsh('destroy', space.domain('blind'))
    await space.host.virsh('define', file)
    await space.host.virsh('start', space.domain('blind'))
  })
  const vm = await space.untilPhase('blind', 'Running')
  expect(condition(vm, 'AwaitingRestartToApplyConfiguration').status).toBe('False')

  const words = 'virtual machine "blind" has no screen: it was started without one, and a restart adds it'
  await expect(open('blind')).rejects.toMatchObject({ reason: 'Conflict', message: words })
  const shot = await berth(space.host, ['screenshot', `blind.${space.namespace}`, '-o', '-'])
  expect(shot).toMatchObject({ code: 1, err: expect.stringContaining(words) })

  expect(await space.operate('blind', 'Restart', true)).toMatchObject({ phase: 'Completed' })
  const stream = await waitFor('a screen', 30, () => open('blind'))
  expect((await lookAt(stream)).width).toBeGreaterThan(0)
  expect(await space.operate('blind', 'Stop', true)).toMatchObject({ phase: 'Completed' })
  expect(await stream.ended).toEqual({ code: 1000, reason: 'the virtual machine stopped' })
  const stopped = await berth(space.host, ['vnc', `blind.${space.namespace}`, '--proxy-only'])
  expect(stopped).toMatchObject({ code: 1, err: expect.stringContaining('is not running (Stopped)') })
})
