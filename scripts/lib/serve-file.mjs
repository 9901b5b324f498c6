// serve-file.mjs FILE PORT NAME: serves this one file as http://127.0.0.1:PORT/NAME (GET and HEAD) until it is ended or who started it
// is gone. Prints "listening". A port that is taken for 5 s, or any other failure, ends it with code 1.
import { createReadStream, statSync } from 'node:fs'
import { createServer } from 'node:http'

const BUSY_MS = 5000
const PARENT_MS = 500
const [file, port, name] = process.argv.slice(2)
const parent = process.ppid
const begun = Date.now()

const server = createServer((request, response) => {
  const known = request.url === `/${name}`
  const method = request.method === 'GET' || request.method === 'HEAD'
  if (!known || !method) {
    response.writeHead(known ? 405 : 404).end()
    return
  }
  response.writeHead(200, { 'content-length': statSync(file).size, 'content-type': 'application/octet-stream' })
  if (request.method === 'HEAD') response.end()
  else createReadStream(file).on('error', () => response.destroy()).pipe(response)
})
const listen = () => server.listen(Number(port), '127.0.0.1', () => process.stdout.write('listening\n'))
// The server of a run that was killed needs a moment to notice that it is alone.
server.on('error', (error) => {
  if (error.code === 'EADDRINUSE' && Date.now() - begun < BUSY_MS) setTimeout(listen, 200)
  else {
    process.stderr.write(`${error.message}\n`)
    process.exit(1)
  }
})
listen()
setInterval(() => process.ppid === parent || process.exit(0), PARENT_MS).unref()
