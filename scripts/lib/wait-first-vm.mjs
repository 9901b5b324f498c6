// wait-first-vm.mjs SOCKET SECONDS: follows the objects of examples/first-vm.yaml until the machine runs and has an address.
// Prints each change on stderr and the address on stdout; at the deadline says what is missing and exits 1. A machine that somebody
// has stopped will not come by itself: exit 5.
import { request } from 'node:http'

const [socketPath, seconds] = process.argv.slice(2)
const started = Number(process.env.UP_STARTED_MS ?? Date.now())
const deadline = Date.now() + Number(seconds) * 1000
const base = '/apis/virtualization.deckhouse.io/v1alpha2/namespaces/default'

const say = (text) => process.stderr.write(`[${((Date.now() - started) / 1000).toFixed(1).padStart(6)}s] ${text}\n`)

function get(path) {
  return new Promise((resolve) => {
    const call = request({ socketPath, path: `${base}/${path}`, timeout: 5000 }, (response) => {
      let body = ''
      response.setEncoding('utf8')
      response.on('data', (chunk) => {
        body += chunk
      })
      response.on('end', () => resolve(response.statusCode === 200 ? JSON.parse(body).status ?? {} : {}))
    })
    call.on('timeout', () => call.destroy())
    call.on('error', () => resolve({}))
    call.end()
  })
}

/** The progress in steps of a quarter: a line each is enough. */
const quarter = (progress) => `${Math.floor(Number.parseFloat(progress) / 25) * 25}%`

const why = (status) => (status.conditions ?? []).filter((one) => one.status === 'False' && one.message).map((one) => `${one.type}: ${one.message}`).join('; ')

const STOPPED_MS = 5000
let last = ''
let stoppedSince = Number.POSITIVE_INFINITY
for (;;) {
  const [image, disk, machine] = await Promise.all(['virtualimages/first-image', 'virtualdisks/first-disk', 'virtualmachines/first-vm'].map(get))
  const line = [
    `image ${image.phase ?? '-'}${image.phase === 'Ready' || !image.progress ? '' : ` ${quarter(image.progress)}`}`,
    `disk ${disk.phase ?? '-'}`,
    `machine ${machine.phase ?? '-'}${machine.ipAddress ? ` ${machine.ipAddress}` : ''}`,
  ].join(', ')
  if (line !== last) say(line)
  last = line
  if (machine.phase === 'Running' && machine.ipAddress) {
    process.stdout.write(`${machine.ipAddress}\n`)
    break
  }
  // A new agent needs a moment to see what it has to start.
  stoppedSince = machine.phase === 'Stopped' ? Math.min(stoppedSince, Date.now()) : Number.POSITIVE_INFINITY
  if (Date.now() - stoppedSince > STOPPED_MS) process.exit(5)
  if (Date.now() > deadline) {
    say(`first-vm does not run after ${seconds} s. ${[image, disk, machine].map(why).filter(Boolean).join('; ')}`)
    process.exit(1)
  }
  await new Promise((resolve) => setTimeout(resolve, 300))
}
