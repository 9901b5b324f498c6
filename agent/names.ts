// GroupResource names and finalizers, as the agent's controllers use them.
export * from '../schemas/resources.ts'
