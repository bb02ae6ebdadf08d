//! The texts that a copy shows for identifiers: the customer's own values, and numbers for other people.

use std::collections::HashMap;

use crate::archive::{CustomerField, Record, Renderer, identifiers};
use crate::base::id::IdentifierId;

pub struct People {
    pub own: HashMap<IdentifierId, String>,
    /// The numbers that were given. None of them ever changes, so that all files of a copy agree.
    others: HashMap<IdentifierId, usize>,
    count: usize,
}

impl People {
    pub fn new(own: HashMap<IdentifierId, String>) -> Self {
        Self { own, others: HashMap::new(), count: 0 }
    }

    pub fn text_of(&mut self, id: IdentifierId) -> String {
        match self.own.get(&id) {
            Some(value) => value.clone(),
            None => format!("person-{}", self.number(&[id])),
        }
    }

    /// The number of another person, who may have several identifiers in one record. An identifier that has a number
    /// already keeps it.
    fn number(&mut self, ids: &[IdentifierId]) -> usize {
        let known = ids.iter().find_map(|id| self.others.get(id)).copied();
        let number = known.unwrap_or_else(|| {
            self.count += 1;
            self.count
        });
        for id in ids {
            self.others.entry(*id).or_insert(number);
        }
        number
    }

    /// The renderer of some records.
    pub fn renderer<K>(&mut self, records: &[Record<K>]) -> Renderer {
        let mut texts = HashMap::new();
        for record in records {
            let customer: Vec<_> = [record.phone, record.email, record.name]
                .into_iter()
                .filter_map(|field| if let CustomerField::Held(_, id) = field { Some(id) } else { None })
                .filter(|id| !self.own.contains_key(id))
                .collect();
            if !customer.is_empty() {
                self.number(&customer);
            }
            for id in identifiers(record) {
                texts.entry(id).or_insert_with(|| self.text_of(id));
            }
        }
        Renderer::of_texts(texts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A later record may show that two numbers are one person's. The files before it have both.
    #[test]
    fn a_number_that_was_given_is_never_changed() {
        let [own, phone, email, name] = [(); 4].map(|()| IdentifierId::random());
        let mut people = People::new(HashMap::from([(own, "+4791234567".to_owned())]));
        let texts = |people: &mut People| [own, phone, email, name].map(|id| people.text_of(id));
        people.number(&[phone]);
        people.number(&[email]);
        assert_eq!(people.number(&[phone, email, name]), 1);
        let first = texts(&mut people);
        assert_eq!(first, ["+4791234567", "person-1", "person-2", "person-1"]);
        people.number(&[email, name]);
        assert_eq!(texts(&mut people), first);
    }
}
