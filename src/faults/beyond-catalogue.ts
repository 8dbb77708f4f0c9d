/** What a system must be tried against as well, and yet is no kind of fault here; each with what stands in its place, or what is lacking. */
export const beyondCatalogue = {
  'backup-corrupted': {
    title: 'backup corrupted',
    instead:
      'no state of a node, and nothing to heal: the drill corrupt-backup spoils copies of a backup, and none may be put back',
  },
  'orchestrator-killed': {
    title: 'orchestrator killed',
    instead:
      'Seatrial cannot heal its own death: each fault ends on its target by its dead-man, and a run that was killed is healed by resume',
  },
  'host-reboot': {
    title: 'host reboot',
    instead:
      'lacks: nodes on machines that can be started again from outside; here they share one machine with Seatrial, and its reboot would end the run',
  },
  'bad-certificate': {
    title: 'bad certificate',
    instead:
      'lacks: nodes that talk by TLS, and a profile that names their certificates; the reference chain talks in plain TCP',
  },
} as const;
