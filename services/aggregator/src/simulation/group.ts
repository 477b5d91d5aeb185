/**
 * A consumer group, simulated as the eager protocol is: a rebalance tells every member to let go, waits for them at most for the
 * session timeout, and shares the partitions out anew. A member that does not answer in time is left behind: it goes on with what
 * it owned until it hears of it.
 */
import { SECOND_MS } from '@tidemark/core';
import type { AssignedPartition } from '@tidemark/bus';
import type { SimulatedBus } from './bus.ts';
import type { Machine, SimulatedProcess } from './process.ts';

export const SESSION_TIMEOUT_MS = 6 * SECOND_MS;
const HEARTBEAT_MS = 1 * SECOND_MS;

/** A process as the group sees it. */
export interface Member {
  readonly process: SimulatedProcess;
  /** Starts to work on the partition. */
  own(spell: AssignedPartition): void;
  /** Resolves when nothing works on any of its partitions any more; their spells have ended. */
  idle(): Promise<void>;
}

interface Membership {
  readonly member: Member;
  readonly ends: (() => void)[];
  isJoined: boolean;
}

export class Group {
  private readonly machine: Machine;
  private readonly bus: SimulatedBus;
  private readonly members = new Map<SimulatedProcess, Membership>();
  private isRebalancing = false;
  private round = 0;

  constructor(machine: Machine, bus: SimulatedBus) {
    this.machine = machine;
    this.bus = bus;
  }

  join(member: Member): void {
    this.members.set(member.process, { member, ends: [], isJoined: true });
    this.rebalance();
  }

  /** The process is not heard of any more: noticed when its session has timed out. */
  silent(process: SimulatedProcess): void {
    const delayMs = SESSION_TIMEOUT_MS - this.machine.random.between(0, HEARTBEAT_MS);
    this.machine.scheduler.in(delayMs, 0, 'a session ends', () => {
      if (!process.isRunning) this.expel(process);
    });
  }

  rebalance(): void {
    if (this.isRebalancing) {
      this.finishIfComplete();
      return;
    }
    this.isRebalancing = true;
    this.round += 1;
    const { round } = this;
    for (const membership of this.members.values()) {
      if (membership.ends.length === 0 && membership.isJoined) continue;
      membership.isJoined = false;
      this.tell(membership);
    }
    this.machine.scheduler.in(SESSION_TIMEOUT_MS, 0, 'a rebalance times out', () => {
      if (this.round === round) this.finish();
    });
    this.finishIfComplete();
  }

  /** With its next heartbeat the member learns that it must let go and join again. */
  private tell(membership: Membership): void {
    const { member } = membership;
    const { process } = member;
    process.after(this.machine.random.between(0, HEARTBEAT_MS), 'lets go', () => {
      for (const end of membership.ends.splice(0)) end();
      void member
        .idle()
        .then(() => process.after(this.machine.faults.messageMs(), 'joins', () => this.rejoin(membership)));
    });
  }

  private rejoin(membership: Membership): void {
    const known = this.members.get(membership.member.process);
    if (known === undefined) this.join(membership.member);
    else if (!known.isJoined) {
      known.isJoined = true;
      this.finishIfComplete();
    }
  }

  private expel(process: SimulatedProcess): void {
    const membership = this.members.get(process);
    if (membership === undefined) return;
    this.members.delete(process);
    // It hears of it when it runs again, unless it has been told to let go already.
    if (membership.isJoined) this.tell(membership);
    this.rebalance();
  }

  private finishIfComplete(): void {
    if (!this.isRebalancing) return;
    for (const { isJoined } of this.members.values()) if (!isJoined) return;
    this.finish();
  }

  private finish(): void {
    this.isRebalancing = false;
    this.round += 1;
    this.bus.generation += 1;
    for (const [process, { isJoined }] of this.members) if (!isJoined) this.members.delete(process);
    const members = [...this.members.values()];
    this.machine.scheduler.note(0, `generation ${this.bus.generation} of ${members.length}`);
    if (members.length === 0) return;
    for (let partition = 0; partition < this.bus.partitions; partition += 1) {
      this.assign(this.machine.random.pick(members), partition);
    }
  }

  private assign(membership: Membership, partition: number): void {
    const { member, ends } = membership;
    const { spell, end } = this.bus.assign(member.process, partition);
    ends.push(end);
    member.process.after(this.machine.faults.messageMs(), 'owns', () => {
      if (!spell.lost.aborted) member.own(spell);
    });
  }
}
