// GroupResource names and finalizers, as the scheduler's controllers use them.
export * from '../schemas/resources.ts'
