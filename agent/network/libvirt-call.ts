/** The one thing this folder needs of libvirt: a call by name. A pool fits, and so does a recorder in a test. */
import type { LibvirtPool } from '../../lib/libvirt/index.ts'

export type LibvirtCall = Pick<LibvirtPool, 'call'>
