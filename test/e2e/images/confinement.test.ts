// What a converter could do that a hostile image has taken over: a shell stands in its place, with the whole of busybox, and tries to get out.
import { mkdir, mkdtemp, readdir, readFile, readlink, rm, stat, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { Confinement, type Room } from '../../../agent/images/confine.ts'
import type { RunOptions } from '../../../lib/exec.ts'
import { ProgramError } from '../../../lib/exec.ts'

const BUSYBOX = '/usr/bin/busybox'
const SECRET = 'what is outside'
const MIB = 1 << 20

let dir: string
let confinement: Confinement
let room: Room
let rooms = 0
/** Connections that came to this host's loopback. */
let knocks = 0
let server: Server
let port: number

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'berth-taken-'))
  // Everyone could read it, if only the way there were open.
  await writeFile(join(dir, 'secret'), SECRET, { mode: 0o666 })
  await writeFile(join(dir, 'berth.db'), SECRET, { mode: 0o666 })
  server = createServer((socket) => {
    knocks += 1
    socket.destroy()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  port = typeof address === 'object' && address !== null ? address.port : 0
  confinement = new Confinement(join(dir, 'jail'), { 'qemu-img': BUSYBOX, xz: BUSYBOX })
  await mkdir(join(dir, 'rooms'))
})
afterAll(async () => {
  server.close()
  await rm(dir, { recursive: true, force: true })
})
afterEach(() => expect(knocks).toBe(0))

/** There is no /proc, so that the shell does not find itself: its other talents are called by its name. */
const APPLETS = 'cat chmod chroot dd find id ip ln ls mknod mount mv nc rm sleep sort tail unshare wc yes'
const TALENTS = APPLETS.split(' ')
  .map((name) => `${name}() { ${BUSYBOX} ${name} "$@"; }`)
  .join('\n')

/** Runs a script in a new room as the taken-over program; what it says. `out` is the one file that it may write. */
async function taken(script: string, options: Partial<RunOptions> = {}): Promise<string> {
  rooms += 1
  room = await confinement.room(join(dir, 'rooms', String(rooms)))
  await writeFile(join(room.work, 'in'), 'the image')
  await room.readable('in')
  await room.output('out')
  const { stdout, stderr } = await room.run('qemu-img', ['sh', '-c', `${TALENTS}\n${script}`], {
    timeoutMs: 30_000,
    ...options,
  })
  return `${stdout}${stderr}`
}

describe('a program that was taken over', () => {
  it('sees its own files and nothing of the host: no passwords, no database, no other image', async () => {
    const files = await taken('find / -xdev -type f | sort')
    const known = /^\/(work\/(in|out)|dev\/null|usr\/bin\/(busybox|setpriv)|(usr\/)?lib(64)?\/.*\.so[.\d]*)$/
    expect(
      files
        .trim()
        .split('\n')
        .filter((name) => !known.test(name)),
    ).toEqual([])
    const tries = [
      '/etc/shadow',
      '/etc/passwd',
      join(dir, 'secret'),
      join(dir, 'berth.db'),
      '/proc/1/environ',
      '/sys/kernel',
    ]
    // Links lead nowhere either: they are followed in its own world. `..` ends at its root.
    const said = await taken(`
      for path in ${tries.join(' ')} /../../../..${dir}/secret; do cat $path 2>&1; ls $path 2>&1; done
      ls -d /proc /sys /etc /tmp /root 2>&1
      true`)
    expect(said).not.toContain(SECRET)
    expect(
      said
        .trim()
        .split('\n')
        .filter((line) => !/No such file|nonexistent/.test(line)),
    ).toEqual([])
  })

  it('is nobody, without rights and without a way to get any', async () => {
    const said = await taken(`
      id -u
      chroot / true 2>&1 || echo no chroot
      mknod /work/disk b 8 0 2>&1 || echo no device
      mount -t proc proc /dev 2>&1 || echo no mount
      unshare -r true 2>&1 || echo no user namespace
      chmod 777 /work 2>&1 || echo no chmod
      kill -9 1 2>&1; kill -0 2 2>&1 || echo nobody else
      true`)
    for (const word of ['no chroot', 'no device', 'no mount', 'no user namespace', 'no chmod', 'nobody else'])
      expect(said).toContain(word)
    expect(said).not.toMatch(/^0$/m)
  })

  it('reaches no network: not this host, not its neighbours, not a name', async () => {
    const said = await taken(`
      for host in 127.0.0.1 169.254.169.254 192.0.2.1 ::1; do nc -w 2 $host ${port} </dev/null 2>&1 && echo REACHED $host; done
      ip link set lo up 2>&1 || echo no rights over the network
      nc -w 2 127.0.0.1 ${port} </dev/null 2>&1 && echo REACHED
      true`)
    expect(said).not.toContain('REACHED')
    expect(said).toMatch(/unreachable|invalid|bad address/i)
    expect(said).toContain('no rights over the network')
  })

  it('writes its output and nothing else', async () => {
    const said = await taken(
      `
      for path in /work/new /work/in /new /dev/new /usr/bin/busybox /usr/bin/setpriv /usr/lib/new /tmp/new; do
        { echo x >$path; } 2>/dev/null && echo WROTE $path
      done
      mv /work/out /work/other 2>/dev/null && echo MOVED
      ln -s ${dir}/secret /work/link 2>/dev/null && echo LINKED
      rm -f /work/in 2>/dev/null && echo REMOVED
      echo done >/work/out && cat /work/out
    `,
      { limits: { fileSizeBytes: MIB } },
    )
    expect(said).toBe('done\n')
    expect(await readFile(join(dir, 'secret'), 'utf8')).toBe(SECRET)
    expect((await readdir(room.work)).sort()).toEqual(['in', 'out'])
    expect((await readFile(join(dir, 'jail', BUSYBOX))).equals(await readFile(BUSYBOX))).toBe(true)
  })

  it('can fill the disk by what its output may have, and by nothing when that was not said', async () => {
    const fill = 'for path in /work/out /dev/null; do yes | dd of=$path bs=64k count=1000 2>/dev/null; done; true'
    await taken(fill, { limits: { fileSizeBytes: MIB } })
    expect((await stat(join(room.work, 'out'))).size).toBe(MIB)
    expect((await stat(join(room.work, '../dev/null'))).size).toBe(MIB)
    await taken(fill)
    expect((await stat(join(room.work, 'out'))).size).toBe(0)
    expect((await stat(join(room.work, '../dev/null'))).size).toBe(0)
  })

  it('cannot take all processes of the host, and all that it started end with it', async () => {
    const said = await taken('bomb() { bomb | bomb & }; bomb 2>&1 | tail -n 3; sleep 1', {
      limits: { processes: 64, cpuSeconds: 20 },
    }).catch((error: unknown) => (error instanceof ProgramError ? error.message : Promise.reject(error)))
    expect(said).toMatch(/can't fork: Resource temporarily unavailable/)
    // The kernel ends a process namespace with its first process; a child of ours would show its root folder.
    await expect.poll(() => rootsBelow(join(dir, 'rooms')), { timeout: 20_000 }).toEqual([])
  })

  it('goes first when memory runs out, and has no more than it was given', async () => {
    const hog = 'x=xxxxxxxxxxxxxxxx; while true; do x=$x$x; done'
    const error = await taken(hog, { limits: { addressSpaceBytes: 64 * MIB } }).catch((fault: unknown) => fault)
    expect(error).toBeInstanceOf(ProgramError)
    const sleeping = taken('sleep 30', { timeoutMs: 60_000, signal: stop.signal }).catch(() => 'ended')
    await expect.poll(async () => (await scores(join(dir, 'rooms'))).length, { timeout: 20_000 }).toBeGreaterThan(0)
    expect(new Set(await scores(join(dir, 'rooms')))).toEqual(new Set(['1000']))
    stop.abort()
    await sleeping
  })
})

const stop = new AbortController()

/** Processes whose root folder lies below `folder`. */
async function jailed(folder: string): Promise<readonly { readonly pid: string; readonly root: string }[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name))
  const all = await Promise.all(
    pids.map(async (pid) => ({ pid, root: await readlink(`/proc/${pid}/root`).catch(() => '') })),
  )
  return all.filter(({ root }) => root.startsWith(folder))
}

const rootsBelow = async (folder: string): Promise<readonly string[]> => (await jailed(folder)).map(({ root }) => root)

const scores = async (folder: string): Promise<readonly string[]> =>
  (
    await Promise.all(
      (await jailed(folder)).map(({ pid }) => readFile(`/proc/${pid}/oom_score_adj`, 'utf8').catch(() => '')),
    )
  )
    .map((text) => text.trim())
    .filter((text) => text !== '')
