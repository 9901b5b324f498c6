// What all streams of virtual machines have in common in the API.
export * from '../../schemas/streams.ts'
