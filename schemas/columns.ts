// Printer columns: what `kubectl get` and `berth get` show.
import type { PrinterColumn } from './kind.ts'

/** A column that is always shown. */
export const column = (name: string, jsonPath: string, type: PrinterColumn['type'] = 'string'): PrinterColumn => ({
  name,
  type,
  jsonPath,
  priority: 0,
})

/** A column for `-o wide`. */
export const wideColumn = (name: string, jsonPath: string, type: PrinterColumn['type'] = 'string'): PrinterColumn => ({
  ...column(name, jsonPath, type),
  priority: 1,
})

export const AGE = column('Age', '.metadata.creationTimestamp', 'date')

/** Path of the status of a condition. */
export const conditionStatus = (type: string): string => `.status.conditions[?(@.type=='${type}')].status`
