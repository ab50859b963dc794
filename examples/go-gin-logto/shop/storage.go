package shop

import "github.com/gin-contrib/sessions"

// Storage is where the SDK keeps what it knows of one browser: that browser's session.
type Storage struct{ session sessions.Session }

func (s *Storage) GetItem(key string) string {
	value, _ := s.session.Get(key).(string)
	return value
}

// SetItem cannot say that it failed, so nothing is saved here: each answer saves all of it at once.
func (s *Storage) SetItem(key, value string) { s.session.Set(key, value) }
