// How a host's copy of a scheduler's object is told from an object that was made on that host, and what else is said in annotations.
import type { KubeObject } from '../../lib/object.ts'

/** Annotation of a copy: its own uid, which it has from the scheduler. Copied to another object by hand it means nothing. */
export const BOUND = 'berth/bound'
/** Annotation of a HostBinding: why the scheduler does not know the object that runs here, in words. */
export const ORPHANED = 'berth/orphaned'
/** User and group of a scheduler, in its certificate. */
export const SCHEDULER_USER = 'system:scheduler'
export const SCHEDULERS_GROUP = 'system:schedulers'

/** The object belongs to a scheduler: its spec is written there. */
export const isBound = ({ metadata }: KubeObject): boolean => metadata.annotations?.[BOUND] === metadata.uid
