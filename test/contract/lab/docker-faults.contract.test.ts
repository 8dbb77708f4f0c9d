import { systemClock } from '../../../src/core/clock.ts';
import { describeWithDocker, dockerForTests } from '../../helpers/docker-suite.ts';
import { CONFIG, makeContainerTestnet } from '../../helpers/container-testnet.ts';
import { faultsContract } from './faults-contract.ts';

const docker = await dockerForTests(['node-runtime', 'toolbox']);

describeWithDocker('faults contract: docker', docker, (given) =>
  faultsContract('docker', async () => {
    const { lab, topology, monitoring, dispose } = await makeContainerTestnet(given);
    return { lab, nodes: topology.nodes, clock: systemClock, configPath: CONFIG, monitoring, dispose };
  }),
);
