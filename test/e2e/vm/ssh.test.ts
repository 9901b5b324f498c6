// `berth ssh` and `berth scp`: this machine's OpenSSH into a real guest, through the API.
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execa } from 'execa'
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { berth } from '../../support/berth.ts'
import { keepEvidence, type Lab, sharedLab } from '../../support/lab.ts'
import { Space } from '../../support/space.ts'
import { waitFor } from '../../support/wait.ts'

let lab: Lab
let space: Space
/** Home of the person who types the commands. */
let home: string
let key: string
let userData: string

beforeAll(async () => {
  lab = await sharedLab()
  space = await Space.make(lab, 'ssh')
  home = await mkdtemp(join(tmpdir(), 'berth ssh '))
  key = join(home, 'a key')
  await execa('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', 'test', '-f', key])
  const publicKey = (await readFile(`${key}.pub`, 'utf8')).trim()
  userData = `#cloud-config\nhostname: shell\nssh_authorized_keys:\n  - ${publicKey}\n`
  await boot()
})
beforeEach((context) => keepEvidence(context, lab.hosts))
afterAll(async () => {
  await space.remove()
  await lab.close()
  await rm(home, { recursive: true, force: true })
})

async function boot(): Promise<void> {
  await space.vm('shell', { provisioning: { type: 'UserData', userData } })
  const console = await space.console('shell')
  await console.see(/GUEST-READY/)
  console.close()
  await space.until('VirtualMachine', 'shell', ({ status }) => status?.ipAddress !== '')
}

/** Without a terminal OpenSSH would ask nobody; that the caller's own configuration is left out keeps this test to itself. */
const run = (verb: 'ssh' | 'scp', args: readonly string[], input?: string) =>
  berth(space.host, [verb, '-i', key, '--ssh-args', '-F none -o BatchMode=yes', ...args], {
    env: { HOME: home },
    ...(input === undefined ? {} : { input }),
  })

const HOST = () => `root@shell.${space.namespace}`

it('runs commands with their input, output and exit code', async () => {
  expect(await run('ssh', [HOST(), '--', 'hostname; echo oops >&2; exit 7'])).toMatchObject({
    code: 7,
    out: 'shell\n',
    err: expect.stringContaining('oops'),
  })
  expect(
    await run('ssh', ['-l', 'root', '-c', 'wc -c', `shell.${space.namespace}`], 'x'.repeat(200_000)),
  ).toMatchObject({
    code: 0,
    out: '200000\n',
  })
  expect(await readdir(join(home, '.local/state/berth'))).toEqual(['known_hosts'])
})

it('copies files and folders both ways', async () => {
  const content = Buffer.alloc(3 * 1_048_576, 'berth')
  const folder = join(home, 'some files')
  await mkdir(folder)
  await writeFile(join(folder, 'big'), content)
  await writeFile(join(folder, 'small'), 'small\n')
  expect(await run('scp', ['-r', folder, `${HOST()}:/tmp/copied`])).toMatchObject({ code: 0 })
  const sums = await run('ssh', [HOST(), '-c', 'cat /tmp/copied/small; wc -c </tmp/copied/big'])
  expect(sums.out).toBe(`small\n${content.length}\n`)
  const back = join(home, 'back')
  expect(await run('scp', [`${HOST()}:/tmp/copied/big`, back])).toMatchObject({ code: 0 })
  expect((await readFile(back)).equals(content)).toBe(true)
})

it('refuses what it cannot reach, in words', async () => {
  expect(await run('ssh', [`root@nobody.${space.namespace}`])).toMatchObject({
    code: 1,
    err: expect.stringContaining('"nobody" not found'),
  })
  const closed = await run('ssh', ['-p', '2222', HOST(), '-c', 'true'])
  expect(closed.code).toBe(255)
  expect(closed.err).toContain('refuses connections on tcp port 2222: nothing listens there')
})

it('a machine made anew under the same name is another one; the same machine with another key is an alarm', async () => {
  const known = join(home, '.local/state/berth/known_hosts')
  expect((await run('ssh', [HOST(), '-c', 'true'])).code).toBe(0)
  const before = await readFile(known, 'utf8')
  expect(before).toContain(`berth-${(await space.get('VirtualMachine', 'shell')).metadata.uid}`)
  // The same machine, as if somebody else answered in its place.
  expect((await run('ssh', [HOST(), '-c', 'rm /data/ssh/keys/*; sync'])).code).toBe(0)
  const other = await waitFor('another key', 30, async () => {
    const ran = await run('ssh', [HOST(), '-c', 'true'])
    return ran.code !== 0 && ran
  })
  expect(other.err).toContain('REMOTE HOST IDENTIFICATION HAS CHANGED')

  for (const kind of ['VirtualMachine', 'VirtualDisk']) {
    await space.delete(kind, 'shell')
    await space.untilGone(kind, 'shell')
  }
  await boot()
  expect(await run('ssh', [HOST(), '-c', 'hostname'])).toMatchObject({ code: 0, out: 'shell\n' })
})
