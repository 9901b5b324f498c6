// Words about several machines. Pure.
import { nameOf, toKey } from '../../../lib/object.ts'
import type { VirtualMachine } from '../../../schemas/index.ts'

const SHOWN = 3

/** In the order of their names: `default/a has stopped`, `default/a, default/b and default/c have stopped`. */
export function stoppedWords(vms: readonly VirtualMachine[]): string {
  const shown = vms
    .map((vm) => toKey(nameOf(vm)))
    .sort()
    .slice(0, SHOWN)
  const more = vms.length > SHOWN ? [`${vms.length - SHOWN} more`] : []
  const all = [...shown, ...more]
  const listed = all.length < 2 ? all.join('') : `${all.slice(0, -1).join(', ')} and ${all.at(-1)}`
  return `${listed} ${vms.length === 1 ? 'has' : 'have'} stopped`
}
