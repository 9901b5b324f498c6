// Resources that others may hold before their server is made: it takes streams and questions that work with them.
import type { Core } from './core/core.ts'
import { CoreResources } from './core/resources.ts'

export class LateResources extends CoreResources {
  readonly bind: (core: Core) => void

  constructor() {
    let bound: Core | null = null
    super(() => {
      if (bound === null) throw new Error('objects were asked for before their API server was made')
      return bound
    })
    this.bind = (core) => {
      bound = core
    }
  }
}
