// serve-file.mjs FILE PORT NAME: serves this one file as http://127.0.0.1:PORT/NAME (GET and HEAD) until it is ended.
import { createReadStream, statSync } from 'node:fs'
import { createServer } from 'node:http'

const [file, port, name] = process.argv.slice(2)
createServer((request, response) => {
  const known = request.url === `/${name}`
  const method = request.method === 'GET' || request.method === 'HEAD'
  if (!known || !method) {
    response.writeHead(known ? 405 : 404).end()
    return
  }
  response.writeHead(200, { 'content-length': statSync(file).size, 'content-type': 'application/octet-stream' })
  if (request.method === 'HEAD') response.end()
  else createReadStream(file).on('error', () => response.destroy()).pipe(response)
}).listen(Number(port), '127.0.0.1', () => process.stdout.write('listening\n'))
