// The store's bad days on real file systems: a disk that is full, one that the kernel made read-only, a database that is damaged. The
// agents here have no libvirt: what they say of their store does not need it.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { execa } from 'execa'
import { pino } from 'pino'
import { expect, it, onTestFinished } from 'vitest'
import { startAgent } from '../../../agent/app.ts'
import { toConfig } from '../../../agent/config.ts'
import { systemClock } from '../../../lib/clock.ts'
import { waitFor } from '../../support/wait.ts'

const SECRETS = '/api/v1/namespaces/default/secrets'

interface Place {
  readonly dir: string
  readonly socketPath: string
  /** The agent's state folder, where another file system may be mounted. */
  readonly stateDir: string
}

async function place(): Promise<Place> {
  const dir = await mkdtemp(join(tmpdir(), 'berth-trouble-'))
  const stateDir = join(dir, 'state')
  await execa('mkdir', [stateDir])
  onTestFinished(async () => {
    await execa('umount', ['-l', stateDir], { reject: false })
    await rm(dir, { recursive: true, force: true })
  })
  return { dir, socketPath: join(dir, 'agent.sock'), stateDir }
}

const documentOf = ({ socketPath, stateDir, dir }: Place) => ({
  nodeName: 'h1',
  stateDir,
  socketPath,
  listen: [],
  libvirt: { socket: join(dir, 'no-libvirt') },
  allowEmulation: true,
})

async function agentIn(at: Place) {
  const said: string[] = []
  const log = pino({ level: 'warn' }, { write: (line: string) => void said.push(line) })
  const config = toConfig(documentOf(at))
  const agent = await startAgent({
    config,
    log,
    clock: systemClock,
    version: '0',
    onFailed: (error) => said.push(error.message),
  })
  onTestFinished(() => agent.stop())
  return { said, agent }
}

/** Status and text of a request over the agent's socket. */
async function ask(
  { socketPath }: Place,
  path: string,
  body?: object,
  method: 'POST' | 'PATCH' = 'POST',
): Promise<{ readonly code: number; readonly text: string }> {
  const type = `content-type: application/${method === 'PATCH' ? 'merge-patch+json' : 'json'}`
  const send = body === undefined ? [] : ['-X', method, '-H', type, '--data-binary', '@-']
  const options = ['-s', '-m', '10', '-w', '\n%{http_code}', '--unix-socket', socketPath]
  const input = body === undefined ? '' : JSON.stringify(body)
  const { stdout } = await execa('curl', [...options, ...send, `http://localhost${path}`], { input })
  const cut = stdout.lastIndexOf('\n')
  return { code: Number(stdout.slice(cut + 1)), text: stdout.slice(0, cut) }
}

const secret = (name: string, bytes = 10) => ({
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { name },
  stringData: { text: 'x'.repeat(bytes) },
})

it('a full disk: writes are refused in words, reads go on, and with space again all is well without a restart', async () => {
  const at = await place()
  await execa('mount', ['-t', 'tmpfs', '-o', 'size=12m,mode=0711', 'tmpfs', at.stateDir])
  const { said } = await agentIn(at)
  expect((await ask(at, SECRETS, secret('first'))).code).toBe(201)
  const filler = join(at.stateDir, 'filler')
  await execa('dd', ['if=/dev/zero', `of=${filler}`, 'bs=4k'], { reject: false })
  // What the log still has room for may be taken.
  const refused = await waitFor('a write refused', 20, async () => {
    const answer = await ask(at, SECRETS, secret(`more-${Math.random().toString(36).slice(2)}`, 100_000))
    return answer.code !== 201 && answer
  })
  expect(refused.code).toBe(503)
  expect(JSON.parse(refused.text)).toMatchObject({
    reason: 'ServiceUnavailable',
    message: expect.stringMatching(/no space is left for the database/),
  })
  expect(JSON.parse((await ask(at, `${SECRETS}/first`)).text).data.text).toBe(
    Buffer.from('x'.repeat(10)).toString('base64'),
  )
  expect((await ask(at, SECRETS)).code).toBe(200)
  expect((await ask(at, '/readyz')).text).toContain('[-]store failed')
  expect((await ask(at, '/livez')).code).toBe(200)
  await rm(filler)
  await waitFor('a ready store', 20, async () => (await ask(at, '/readyz?verbose')).text.includes('[+]store ok'))
  expect((await ask(at, SECRETS, secret('after', 1_000))).code).toBe(201)
  expect(said.filter((line) => line.includes('nothing can be stored'))).toHaveLength(1)
  expect(said.filter((line) => line.includes('takes writes again'))).toHaveLength(1)
})

it('a file system that the kernel made read-only: the same, and a new agent refuses in words', async () => {
  const at = await place()
  const image = join(at.dir, 'disk.img')
  await execa('truncate', ['-s', '64M', image])
  await execa('mkfs.ext4', ['-q', image])
  await execa('mount', ['-o', 'loop,errors=remount-ro', image, at.stateDir])
  const { stdout: device } = await execa('findmnt', ['-no', 'SOURCE', at.stateDir])
  const { agent } = await agentIn(at)
  expect((await ask(at, SECRETS, secret('first'))).code).toBe(201)
  await writeFile(`/sys/fs/ext4/${device.replace('/dev/', '')}/trigger_fs_error`, 'test')
  const refused = await waitFor('a write refused', 20, async () => {
    const answer = await ask(at, SECRETS, secret(`more-${Math.random().toString(36).slice(2)}`))
    return answer.code !== 201 && answer
  })
  expect(refused.code).toBe(503)
  expect(JSON.parse(refused.text).message).toMatch(
    /the database takes no writes: its file system or its files are read-only/,
  )
  expect((await ask(at, `${SECRETS}/first`)).code).toBe(200)
  expect((await ask(at, '/readyz')).text).toContain('[-]store failed')
  await agent.stop()
  await expect(agentIn(at)).rejects.toThrow(/read-only|EROFS/)
})

it('a damaged database: the running agent says 500 and goes on reading, the next one refuses and says what to do', async () => {
  const at = await place()
  const { agent } = await agentIn(at)
  const names = Array.from({ length: 20 }, (_, n) => `s${n}`)
  for (const name of names) expect((await ask(at, SECRETS, secret(name, 200_000))).code).toBe(201)
  const path = join(at.stateDir, 'berth.db')
  const tool = new Database(path)
  tool.pragma('wal_checkpoint(TRUNCATE)')
  tool.close()
  const bytes = await readFile(path)
  const damaged = Buffer.from(bytes)
  damaged.fill(0xa5, Math.floor(bytes.length / 4 / 4_096) * 4_096, Math.floor((bytes.length * 3) / 4))
  await writeFile(path, damaged)
  const answers = await waitFor('damage that is met', 30, async () => {
    for (const name of names) {
      const answer = await ask(at, `${SECRETS}/${name}`, { metadata: { labels: { changed: 'yes' } } }, 'PATCH')
      if (answer.code === 500) return answer
    }
    return null
  })
  expect(JSON.parse(answers.text)).toMatchObject({
    reason: 'InternalError',
    message: expect.stringMatching(/the database is damaged/),
  })
  expect((await ask(at, '/readyz')).text).toContain('[-]store failed')
  expect((await ask(at, '/api/v1/namespaces/default')).code).toBe(200)
  await agent.stop()

  // The program ends with code 4 then (e2e/vm/recovery.test.ts).
  await expect(agentIn(at)).rejects.toMatchObject({
    trouble: 'damaged',
    message: expect.stringMatching(/berth\.db is damaged.* restore a backup/),
  })
})
