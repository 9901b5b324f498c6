// What went wrong, in words an operator can act on.
import { UnreachableError } from '../lib/client/errors.ts'
import { DEFAULT_SOCKET } from '../lib/client/target.ts'
import { ApiError, messageOf } from '../lib/errors.ts'
import { manyLines, oneLine } from './format/text.ts'

/** The lines to print for an error: what, then each refused field, then how to go on. */
export function failureLines(error: unknown): string[] {
  if (error instanceof UnreachableError) return [oneLine(error.message), ...reachHints(error)]
  if (!(error instanceof ApiError)) return manyLines(messageOf(error)).split('\n')
  const { head, fields } = spread(error)
  return [oneLine(head), ...fields.map((text) => `  ${oneLine(text)}`), ...apiHints(error)]
}

/** Kubernetes puts all refused fields into one long message; several are easier to read one per line. */
function spread({ message, details: { causes = [] } }: ApiError): { readonly head: string; readonly fields: string[] } {
  const texts = causes.map(({ path, message: why }) => (path === '' ? why : `${path}: ${why}`))
  if (texts.length < 2 || !texts.every((text) => message.includes(text)))
    return { head: message, fields: texts.filter((text) => !message.includes(text)) }
  const first = Math.min(...texts.map((text) => message.indexOf(text)))
  return { head: message.slice(0, first).replace(/[\s:[]+$/, ''), fields: texts }
}

function apiHints({ reason }: ApiError): string[] {
  if (reason === 'Unauthorized')
    return [
      '  the token or certificate is missing, wrong or expired: "berth login" keeps a new one; the administrator has the kubeconfig in the state folder of the server',
    ]
  return []
}

/** How to reach a server when nobody answered. */
export function reachHints({ target, code }: UnreachableError): string[] {
  if (!target.startsWith('unix:'))
    return ['  is the address in the kubeconfig right, and berth-agent or berth-scheduler running there?']
  if (code === 'EACCES' || code === 'EPERM')
    return [
      '  run it as root, or as a member of the group that owns the socket (usually berth): usermod -aG berth USER',
    ]
  return [
    '  is berth-agent running on this host? "systemctl start berth-agent" or, in a checkout, "scripts/up" starts it',
    ...(target === `unix:${DEFAULT_SOCKET}` ? [] : [`  the default socket is ${DEFAULT_SOCKET}`]),
    '  another socket: --socket PATH or BERTH_SOCKET; a server elsewhere: --kubeconfig FILE or BERTH_KUBECONFIG',
  ]
}
