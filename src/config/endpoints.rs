//! Where a node listens and what it tells others to connect to, and the rules between `listeners`,
//! `advertised.listeners`, the names of listeners elsewhere, and the roles (`KafkaConfig.validateValues`).

use super::{
    Identity, Problem,
    listeners::{self, Listener, Protocols},
    problem::requirement,
    values::Values,
};

const LISTENERS: &str = "listeners";
const ADVERTISED: &str = "advertised.listeners";
const CONTROLLERS: &str = "controller.listener.names";
const INTER_BROKER: &str = "inter.broker.listener.name";
const INTER_BROKER_PROTOCOL: &str = "security.inter.broker.protocol";

pub struct Endpoints {
    /// The names of the controllers' listeners, here or elsewhere.
    controllers: Vec<String>,
    protocols: Protocols,
    pub listeners: Vec<Listener>,
    pub advertised: Vec<Listener>,
}

impl Endpoints {
    pub fn of(identity: &Identity) -> Result<Endpoints, Problem> {
        let values = &identity.values;
        let protocols = Protocols::of(values)?;
        Ok(Endpoints {
            controllers: values.list(CONTROLLERS)?,
            listeners: listeners::parse_list(values, LISTENERS, &protocols, true)?,
            advertised: listeners::parse_list(values, ADVERTISED, &protocols, false)?,
            protocols,
        })
    }

    pub fn is_controllers(&self, listener: &Listener) -> bool {
        self.controllers.contains(&listener.name)
    }

    /// The listener that a controller serves.
    pub fn controller_listener(&self) -> Option<&Listener> {
        let mut all = self.listeners.iter();
        all.find(|listener| self.is_controllers(listener))
    }

    pub fn check(&self, identity: &Identity) -> Result<Vec<Problem>, Problem> {
        let values = &identity.values;
        let by_role = match (identity.is_broker, identity.is_controller) {
            (true, false) => self.broker_alone(),
            (false, true) => self.controller_alone().or_else(|| self.controller()),
            (_, _) => self.controller(),
        };
        let by_role = by_role.map(|problem| match values.is_set(LISTENERS) {
            true => values.shown(CONTROLLERS, problem),
            false => problem.hint(format!(
                "{LISTENERS} is not set, and Kafka's default is PLAINTEXT://:9092: set it, for example \
                 {LISTENERS}=CONTROLLER://:9093"
            )),
        });
        let inter_broker = self.inter_broker(identity);
        let mechanism = self.mechanism(values)?;
        // Where nothing is advertised, a broker advertises its listeners.
        let own = self.listeners.iter().filter(|listener| {
            identity.is_broker && self.advertised.is_empty() && !self.is_controllers(listener)
        });
        let mut told = self.advertised.iter().chain(own);
        let nonroutable = told.any(|listener| listener.host == listeners::NON_ROUTABLE).then(|| {
            requirement(format!(
                "{ADVERTISED} cannot use the nonroutable meta-address 0.0.0.0. Use a routable IP address."
            ))
        });
        let all = [
            by_role,
            inter_broker,
            self.early_start(values)?,
            nonroutable,
            mechanism,
            auto_join(identity)?,
        ];
        Ok(all.into_iter().flatten().collect())
    }

    fn broker_alone(&self) -> Option<Problem> {
        if self
            .listeners
            .iter()
            .any(|listener| self.is_controllers(listener))
        {
            return Some(requirement(format!(
                "{CONTROLLERS} must not contain a value appearing in the '{LISTENERS}' configuration when \
                 running KRaft with just the broker role"
            )));
        }
        let mut names = self.controllers.iter().map(|name| name.to_uppercase());
        let unmapped = names.find(|name| self.protocols.get(name).is_none())?;
        Some(Problem::new(format!(
            "Controller listener with name {unmapped} defined in {CONTROLLERS} not found in \
             listener.security.protocol.map  (an explicit security mapping for each controller listener is \
             required if listener.security.protocol.map is non-empty, or if there are security protocols \
             other than PLAINTEXT in use)"
        )))
    }

    fn controller_alone(&self) -> Option<Problem> {
        let mut all = self.listeners.iter();
        let other = &all.find(|listener| !self.is_controllers(listener))?.name;
        let problem = requirement(format!(
            "The {LISTENERS} config must only contain KRaft controller listeners from {CONTROLLERS} when \
             process.roles=controller"
        ));
        let names = self.controllers.join(",");
        Some(problem.blank_in(&names).or_hint(format!(
            "{other} is in {LISTENERS} and not in {CONTROLLERS}={names}: take it out here, or name it there"
        )))
    }

    fn controller(&self) -> Option<Problem> {
        let is_here = |name: &&String| {
            self.listeners
                .iter()
                .any(|listener| listener.name == **name)
        };
        let (here, missing): (Vec<_>, Vec<_>) = self.controllers.iter().partition(is_here);
        let first = missing.first()?;
        let must = match here.is_empty() {
            true => "must contain at least one value",
            false => "must only contain values",
        };
        Some(
            requirement(format!(
                "{CONTROLLERS} {must} appearing in the '{LISTENERS}' configuration when running \
                 the KRaft controller role"
            ))
            .hint(format!("{LISTENERS} has none with the name {first}")),
        )
    }

    /// The listener that brokers use among themselves.
    fn inter_broker(&self, identity: &Identity) -> Option<Problem> {
        let values = &identity.values;
        let explicit = values.text(INTER_BROKER);
        if explicit.is_some() && values.is_set(INTER_BROKER_PROTOCOL) {
            return Some(Problem::new(format!(
                "Only one of {INTER_BROKER} and {INTER_BROKER_PROTOCOL} should be set."
            )));
        }
        let name = explicit
            .or(values.text(INTER_BROKER_PROTOCOL))
            .unwrap_or_default()
            .to_uppercase();
        if let Some(explicit) = explicit
            && self.protocols.get(&name).is_none()
        {
            let problem = Problem::new(format!(
                "Listener with name {name} defined in {INTER_BROKER} not found in listener.security.protocol.map."
            ));
            return Some(values.shown(INTER_BROKER, problem.blank_in(explicit)));
        }
        if identity.is_broker {
            return self
                .brokers(values, &name)
                .map(|problem| values.shown(INTER_BROKER, problem));
        }
        let controllers = explicit.is_some() && self.controllers.contains(&name);
        controllers.then(|| {
            // The quotation mark is Kafka's.
            requirement(format!(
                "{CONTROLLERS} must not contain an explicitly set {INTER_BROKER} configuration value when \
                 process.roles=controller'"
            ))
        })
    }

    /// What brokers authenticate to each other with must be among what their listener takes.
    fn mechanism(&self, values: &Values) -> Result<Option<Problem>, Problem> {
        const MECHANISM: &str = "sasl.mechanism.inter.broker.protocol";
        const ENABLED: &str = "sasl.enabled.mechanisms";
        let explicit = values.text(INTER_BROKER).map(str::to_uppercase);
        let (name, protocol) = match &explicit {
            Some(name) => (name.as_str(), self.protocols.get(name)),
            None => {
                let protocol = values.text(INTER_BROKER_PROTOCOL);
                (protocol.unwrap_or_default(), protocol)
            }
        };
        if !protocol.is_some_and(|protocol| protocol.starts_with("SASL_")) {
            return Ok(None);
        }
        let own = listeners::own_key(name, ENABLED);
        let enabled = match values.text(&own) {
            Some(own) => own.split(',').map(|name| name.trim().to_owned()).collect(),
            None => values.list(ENABLED)?,
        };
        let mechanism = values.text(MECHANISM).unwrap_or_default();
        let is_enabled = enabled.iter().any(|enabled| enabled == mechanism);
        Ok((!is_enabled).then(|| {
            requirement(format!(
                "{MECHANISM} must be included in {ENABLED} when SASL is used for inter-broker communication"
            ))
        }))
    }

    /// What a broker tells others, with `inter_broker` among it.
    fn brokers(&self, values: &Values, inter_broker: &str) -> Option<Problem> {
        let advertised = match values.is_set(ADVERTISED) {
            true => &self.advertised,
            false => &self.listeners,
        };
        let of_brokers = advertised
            .iter()
            .filter(|listener| !self.is_controllers(listener));
        let told: Vec<&str> = of_brokers.map(|listener| listener.name.as_str()).collect();
        let all: Vec<&str> = self
            .listeners
            .iter()
            .map(|listener| listener.name.as_str())
            .collect();
        if told.is_empty() {
            return Some(requirement(format!(
                "There must be at least one broker advertised listener. Perhaps all listeners appear in \
                 {CONTROLLERS}?"
            )));
        }
        if !told.contains(&inter_broker) {
            return Some(requirement(format!(
                "inter.broker.listener.name must be a listener name defined in {ADVERTISED}. The valid options \
                 based on currently configured listeners are {}",
                told.join(",")
            )));
        }
        let unknown = told.iter().any(|name| !all.contains(name));
        unknown.then(|| {
            requirement(format!(
                "{ADVERTISED} listener names must be equal to or a subset of the ones defined in {LISTENERS}. \
                 Found {}. The valid options based on the current configuration are {}",
                told.join(","),
                all.join(",")
            ))
        })
    }

    fn early_start(&self, values: &Values) -> Result<Option<Problem>, Problem> {
        const KEY: &str = "early.start.listeners";
        let names = values.list(KEY)?;
        let is_here = |name: &&String| {
            self.listeners
                .iter()
                .any(|listener| listener.name == **name)
        };
        let unknown = names.iter().find(|name| !is_here(name));
        Ok(unknown.map(|name| {
            let problem = Problem::new(format!(
                "{KEY} contains listener {name}, but this is not contained in {LISTENERS} or {CONTROLLERS}"
            ));
            values.shown(KEY, problem)
        }))
    }
}

/// Only controllers join a quorum (KIP-853).
fn auto_join(identity: &Identity) -> Result<Option<Problem>, Problem> {
    const AUTO_JOIN: &str = "controller.quorum.auto.join.enable";
    let joins = !identity.is_controller && identity.values.boolean(AUTO_JOIN)?;
    Ok(joins.then(|| {
        requirement(format!(
            "{AUTO_JOIN} is only supported when process.roles contains the 'controller' role."
        ))
    }))
}
