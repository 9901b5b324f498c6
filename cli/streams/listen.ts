// A local TCP port whose connections are passed on, until the command is interrupted.
import { type AddressInfo, createServer, type Socket } from 'node:net'
import type { Local } from './join.ts'

export interface Listening {
  readonly port: number
  /** Ends the port and every connection; resolves when all of them are over. */
  close(): Promise<void>
}

/** @throws the system's error, such as a port in use. `serve` must not reject; the connection is ended after it. */
export async function listen(
  { address, port }: { readonly address: string; readonly port: number },
  serve: (socket: Socket) => Promise<void>,
): Promise<Listening> {
  const open = new Map<Socket, Promise<void>>()
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    // Whoever reads or writes hears of it.
    socket.on('error', () => undefined)
    const served = serve(socket).finally(() => {
      socket.destroySoon()
      open.delete(socket)
    })
    open.set(socket, served)
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, address, resolve)
  })
  return {
    port: (server.address() as AddressInfo).port,
    close: async () => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      const serving = [...open.values()]
      for (const socket of open.keys()) socket.destroy()
      await Promise.all([closed, ...serving])
    },
  }
}

/** The connection as one side of a join. */
export const localSocket = (socket: Socket): Local => ({
  input: socket,
  write: (chunk) =>
    new Promise((resolve, reject) => {
      socket.write(chunk, (error) => (error ? reject(error) : resolve()))
    }),
  end: () => void socket.end(),
})

/** `127.0.0.1:80`, `[::1]:80` */
export const hostPort = (address: string, port: number): string =>
  `${address.includes(':') ? `[${address}]` : address}:${port}`
