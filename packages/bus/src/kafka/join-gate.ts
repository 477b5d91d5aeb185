import { type PartitionAssigner, PartitionAssigners } from 'kafkajs';

/**
 * Round robin, with a gate: every JoinGroup request asks the assigner for its protocol first, so that is where a join
 * can be held back. A group hands partitions on only when every member has joined again; holding our join therefore
 * keeps the next owner out until `mayJoin` says that the old spells have been let go. kafkajs has no awaited hook
 * before a join, and not every join is announced by its REBALANCING event.
 */
export function gatedRoundRobin(mayJoin: () => boolean): PartitionAssigner {
  return (config) => {
    const roundRobin = PartitionAssigners.roundRobin(config);
    return {
      name: roundRobin.name,
      version: roundRobin.version,
      assign: (group) => roundRobin.assign(group),
      protocol: (subscription) => {
        if (!mayJoin()) throw new JoinHeldBackError();
        return roundRobin.protocol(subscription);
      },
    };
  };
}

/** kafkajs tries a join again, after a pause, on errors of this type. */
class JoinHeldBackError extends Error {
  readonly type = 'REBALANCE_IN_PROGRESS';

  constructor() {
    super('the partitions of the last generation have not been let go yet');
    this.name = 'JoinHeldBackError';
  }
}
