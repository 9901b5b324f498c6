// Connections to ports of a real guest: through the API and through `berth port-forward`, TCP with half-closes, UDP, refusals.
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { connect } from 'node:net'
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { streamPath } from '../../../cli/streams/path.ts'
import { berth, GoingBerth } from '../../support/berth.ts'
import { keepEvidence, type Lab, sharedLab } from '../../support/lab.ts'
import { Space } from '../../support/space.ts'
import { StreamReader } from '../../support/stream-reader.ts'
import { UDP_ECHO_PORT, udpEcho } from '../../support/udp-echo.ts'
import { waitFor } from '../../support/wait.ts'

const PAGE = 'hello from the guest\n'
/** More than all buffers between hold. */
const MANY = 8 * 1_048_576
const SERVERS = [
  '/root/udp-echo >/dev/null 2>&1 &',
  `mkdir -p /tmp/www; echo '${PAGE.trim()}' >/tmp/www/page; httpd -p 80 -h /tmp/www`,
  // Answers with the number of bytes that came before the end of the input: only a half-close gets that answer.
  'nc -ll -p 7000 -e wc -c >/dev/null 2>&1 &',
  `nc -ll -p 7001 -e head -c ${MANY} /dev/zero >/dev/null 2>&1 &`,
  'nc -ll -p 7002 -e cat >/dev/null 2>&1 &',
]
const USER_DATA = `#cloud-config
write_files:
  - path: /root/udp-echo
    permissions: '0755'
    encoding: b64
    content: ${udpEcho().toString('base64')}
runcmd:
${SERVERS.map((server) => `  - ${server}`).join('\n')}
`

let lab: Lab
let space: Space

beforeAll(async () => {
  lab = await sharedLab()
  space = await Space.make(lab, 'forward')
  await space.vm('web', { provisioning: { type: 'UserData', userData: USER_DATA } })
  const console = await space.console('web')
  await console.see(/GUEST-READY/)
  console.close()
  await space.until('VirtualMachine', 'web', ({ status }) => status?.ipAddress !== '')
})
beforeEach((context) => keepEvidence(context, lab.hosts))
afterAll(async () => {
  await space.remove()
  await lab.close()
})

const open = (port: number, more: Readonly<Record<string, string>> = {}, vm = 'web') =>
  space.host.client.stream({
    path: streamPath(space.namespace, vm, 'portforward'),
    query: { port: String(port), ...more },
  })

it('as DVP’s clients ask: bytes go both ways, and the guest’s end ends the stream', async () => {
  const stream = await open(80, { protocol: 'tcp' })
  await stream.write(Buffer.from('GET /page HTTP/1.0\r\n\r\n'))
  expect((await new StreamReader(stream).rest()).toString()).toContain(PAGE)
  expect(await stream.ended).toMatchObject({ code: 1000 })
})

it('with halfClose each direction ends by itself', async () => {
  const stream = await open(7000, { halfClose: 'true' })
  await stream.write(Buffer.alloc(100_000))
  await stream.write(new Uint8Array(0))
  expect((await new StreamReader(stream).rest()).toString().trim()).toBe('100000')
  expect(await stream.ended).toMatchObject({ code: 1000 })
})

it('a client that reads nothing for a while loses nothing', async () => {
  const stream = await open(7001)
  await new Promise((resolve) => setTimeout(resolve, 3_000))
  expect((await new StreamReader(stream).rest()).length).toBe(MANY)
})

it('a port that nothing listens on, a wrong one and a machine that is off are refused in words', async () => {
  await expect(open(81)).rejects.toMatchObject({
    reason: 'Conflict',
    message: expect.stringMatching(
      /^virtual machine "web" \([\d.]+\) refuses connections on tcp port 81: nothing listens there$/,
    ),
  })
  await expect(open(0)).rejects.toMatchObject({
    reason: 'BadRequest',
    message: 'port must be a number from 1 to 65535',
  })
  await expect(open(80, { protocol: 'sctp' })).rejects.toMatchObject({ reason: 'BadRequest' })
  await expect(open(80, {}, 'nobody')).rejects.toMatchObject({ reason: 'NotFound' })
  await space.bareVm('silent')
  await space.untilPhase('silent', 'Running')
  await expect(open(80, {}, 'silent')).rejects.toMatchObject({
    reason: 'Conflict',
    message: 'virtual machine "silent" has no address yet: its guest has asked for none by DHCP',
  })
})

it('one message is one datagram', async () => {
  const stream = await open(UDP_ECHO_PORT, { protocol: 'udp' })
  const iterator = stream.readable[Symbol.asyncIterator]()
  for (const text of ['one', 'two and more']) {
    await stream.write(Buffer.from(text))
    const { value } = await iterator.next()
    expect(Buffer.from(value as Uint8Array).toString()).toBe(text)
  }
  stream.close()
  await stream.ended
})

it('berth port-forward: local ports, TCP and UDP, any number of connections', async () => {
  const going = new GoingBerth(space.host, [
    'port-forward',
    `web.${space.namespace}`,
    '0:80',
    '0:81',
    `udp/0:${UDP_ECHO_PORT}`,
  ])
  const [, http] = await going.says(/Forwarding tcp 127\.0\.0\.1:(\d+) -> web:80\n/)
  const [, closed] = await going.says(/Forwarding tcp 127\.0\.0\.1:(\d+) -> web:81\n/)
  const [, udp] = await going.says(/Forwarding udp 127\.0\.0\.1:(\d+) -> web:5353\n/)
  const pages = await Promise.all([1, 2, 3].map(async () => (await fetch(`http://127.0.0.1:${http}/page`)).text()))
  expect(pages).toEqual([PAGE, PAGE, PAGE])

  const refused = connect(Number(closed), '127.0.0.1')
  await expect(once(refused, 'close')).rejects.toThrow('ECONNRESET')
  await waitFor('the refusal', 10, () => going.err.includes('tcp 81: virtual machine "web"'))

  const socket = createSocket('udp4')
  const answer = once(socket, 'message')
  socket.send('ping', Number(udp), '127.0.0.1')
  expect(String((await answer)[0])).toBe('ping')
  socket.close()
  expect(await going.interrupt()).toBe(0)
})

it('berth port-forward --stdio: the input’s end reaches the guest, and its answer comes back whole', async () => {
  const count = await berth(space.host, ['port-forward', '--stdio', `web.${space.namespace}`, '7000'], {
    input: Buffer.alloc(300_000),
  })
  expect(count).toMatchObject({ code: 0, out: expect.stringMatching(/^300000\s*$/), err: '' })
  const many = await berth(space.host, ['port-forward', '--stdio', `web.${space.namespace}`, '7001'], { input: '' })
  expect([many.code, many.out.length]).toEqual([0, MANY])
})

it('a connection ends with its machine', async () => {
  const stream = await open(7002)
  await stream.write(Buffer.from('still there'))
  expect((await new StreamReader(stream).take(11)).toString()).toBe('still there')
  expect(await space.operate('web', 'Stop', true)).toMatchObject({ phase: 'Completed' })
  expect(await stream.ended).toEqual({ code: 1000, reason: 'the virtual machine stopped' })
  await expect(open(80)).rejects.toMatchObject({
    reason: 'Conflict',
    message: expect.stringContaining('is not running'),
  })
})
