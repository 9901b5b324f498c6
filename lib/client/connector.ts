// Connections to one server, each going on with the TLS session of the one before.
import { TLSSocket } from 'node:tls'
import { buildConnector } from 'undici'

/**
 * A connection that resumes a session (RFC 8446, 2.2) needs neither certificates nor signatures. The server proves by the session's key that it
 * is the one whose certificate was verified; one that has forgotten it, or is another, gets a full handshake. Node's servers forget after
 * five minutes. undici keeps sessions as well, but lets the garbage collector take them.
 */
export function connector(options: buildConnector.BuildOptions): buildConnector.connector {
  let session: Buffer | null = null
  return (asked, callback) => {
    const connect = buildConnector({ ...options, maxCachedSessions: 0, ...(session === null ? {} : { session }) })
    connect(asked, (...result) => {
      const [, socket] = result
      if (socket instanceof TLSSocket)
        socket.on('session', (made) => {
          session = made
        })
      callback(...result)
    })
  }
}
