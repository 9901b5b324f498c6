/** Holds an object until every host that was ever told of it has said that it has nothing of it. */
export const HOSTS_FINALIZER = 'berth/hosts'
