//! Machines, the links between them, and a clock, all of which a test rules.

use std::time::Duration;

use ferrywire::Limits;
use ferrywire::discovery::{Endpoint, Fixed};
use tokio::sync::watch;
use tokio::task::JoinSet;
use turmoil::Sim;

use crate::ledger::Ledger;
use crate::machine::{Caller, PORT, Plan, serve};

/// What a world is made of.
#[derive(Clone, Debug)]
pub struct Layout {
    /// How many servers there are, each on a machine of its own.
    pub servers: u32,
    /// How many machines there are for clients.
    pub machines: usize,
    /// How many clients each of these has, which know all servers.
    pub clients_each: usize,
    /// The servers' limits.
    pub limits: Limits,
    /// How the clients call.
    pub plan: Plan,
}

/// Servers and clients on one network.
pub struct World {
    sim: Sim<'static>,
    layout: Layout,
    power: Vec<watch::Sender<bool>>,
    ledger: Ledger,
}

impl std::fmt::Debug for World {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("World").field("layout", &self.layout).finish_non_exhaustive()
    }
}

impl World {
    /// A world whose servers are on, and whose clients have just begun. What is left to chance comes from the seed.
    pub fn new(seed: u64, layout: Layout) -> Self {
        // The pauses and choices of clients.
        fastrand::seed(seed);
        let sim = turmoil::Builder::new()
            .rng_seed(seed)
            .simulation_duration(Duration::MAX)
            .min_message_latency(Duration::from_millis(1))
            .max_message_latency(Duration::from_millis(5))
            // As many as may knock at a door, or be on a stream, at once: what is beyond is not simulated.
            .tcp_capacity(4096)
            .enable_random_order()
            .build();
        let mut world = Self { sim, layout, power: Vec::new(), ledger: Ledger::default() };
        for number in 0..world.layout.servers {
            let (sender, receiver) = watch::channel(true);
            let (ledger, limits) = (world.ledger.clone(), world.layout.limits.clone());
            world.power.push(sender);
            world.sim.host(server(number), move || {
                serve(number, receiver.clone(), ledger.clone(), limits.clone())
            });
        }
        for number in 0..world.layout.machines {
            let calling = call(number, world.layout.clone(), world.ledger.clone());
            world.sim.client(machine(number), calling);
        }
        world
    }

    /// The books.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// How long the world has existed.
    pub fn now(&self) -> Duration {
        self.sim.elapsed()
    }

    /// Lets time pass.
    ///
    /// # Panics
    ///
    /// If anything panics that runs in the world.
    pub fn pass(&mut self, time: Duration) {
        let until = self.now() + time;
        while self.now() < until {
            self.sim.step().expect("nothing fails on a machine");
        }
    }

    /// Lets time pass until no client makes a call any more, and closes the books: what holds whatever happened is checked.
    ///
    /// # Panics
    ///
    /// If anything does not hold.
    pub fn end(&mut self) {
        let last = self.layout.plan.until + self.layout.plan.pause + self.layout.plan.timeout;
        let left = (last + Duration::from_secs(1)).saturating_sub(self.now());
        self.pass(left);
        self.ledger.check();
    }

    /// The server's process is killed. Its machine says of the port that nobody listens there.
    pub fn kill(&mut self, number: u32) {
        self.switch(number, false);
        self.sim.crash(server(number));
        self.sim.bounce(server(number));
    }

    /// The server is told to shut down.
    pub fn shut_down(&mut self, number: u32) {
        self.switch(number, false);
    }

    /// The server is started.
    pub fn start(&mut self, number: u32) {
        self.switch(number, true);
    }

    fn switch(&self, number: u32, is_on: bool) {
        let power = self.power.get(number as usize).expect("there is such a server");
        power.send_replace(is_on);
    }

    /// What is sent between the server and any client is lost, in both directions.
    pub fn part(&self, number: u32) {
        self.each_machine(|sim, machine| sim.partition(server(number), machine));
    }

    /// What the server sends to any client is lost.
    pub fn mute(&self, number: u32) {
        self.each_machine(|sim, machine| sim.partition_oneway(server(number), machine));
    }

    /// What any client sends to the server is lost.
    pub fn deafen(&self, number: u32) {
        self.each_machine(|sim, machine| sim.partition_oneway(machine, server(number)));
    }

    /// Nothing is lost any more between the server and any client. What was stays lost: a stream that has a gap goes on no further.
    pub fn heal(&self, number: u32) {
        self.each_machine(|sim, machine| sim.repair(server(number), machine));
    }

    /// What is sent between the server and any client arrives when it is [released](Self::release).
    pub fn hold(&self, number: u32) {
        self.each_machine(|sim, machine| sim.hold(server(number), machine));
    }

    /// What was held arrives.
    pub fn release(&self, number: u32) {
        self.each_machine(|sim, machine| sim.release(server(number), machine));
    }

    fn each_machine(&self, act: impl Fn(&Sim<'static>, String)) {
        (0..self.layout.machines).for_each(|number| act(&self.sim, machine(number)));
    }
}

/// What a client's machine runs.
async fn call(machine: usize, layout: Layout, ledger: Ledger) -> turmoil::Result {
    let mut calling = JoinSet::new();
    for client in 0..layout.clients_each {
        let (plan, ledger) = (layout.plan.clone(), ledger.clone());
        let number = machine * layout.clients_each + client;
        let source = Fixed::new(endpoints(layout.servers)?);
        calling.spawn(async move {
            let caller = Caller::of(number, source, plan.limits.clone(), ledger).await?;
            caller.go_on(&plan).await;
            Ok::<(), ferrywire::Error>(())
        });
    }
    while let Some(called) = calling.join_next().await {
        called??;
    }
    Ok(())
}

fn endpoints(servers: u32) -> ferrywire::Result<Vec<Endpoint>> {
    (0..servers).map(|number| Ok(Endpoint::new(address(number).parse()?))).collect()
}

/// Where the server is.
pub fn address(number: u32) -> String {
    format!("tcp://{}:{PORT}", server(number))
}

fn server(number: u32) -> String {
    format!("server-{number}")
}

fn machine(number: usize) -> String {
    format!("clients-{number}")
}
