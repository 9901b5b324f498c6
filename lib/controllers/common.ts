// The controllers that every server has.
import type { Controller } from '../reconcile/controller.ts'
import { createGarbageCollector, type GarbageCollectorOptions } from './garbage-collector.ts'
import { createNamespaceController, type NamespaceControllerOptions } from './namespace.ts'

/** Objects go with their owners, and with their namespace. */
export const commonControllers = (options: GarbageCollectorOptions & NamespaceControllerOptions): Controller[] => [
  createGarbageCollector(options),
  createNamespaceController(options),
]
